-- Everything here follows from the event log and can be thrown away and replayed.
CREATE TABLE IF NOT EXISTS consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);

-- Public records of the source topics, in the log or not; the exact bytes, which the leaves are hashes of.
CREATE TABLE records (
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    value bytea NOT NULL,
    ballot_election text,
    ballot_digest bytea,
    ballot_credential text,
    ballot_number bigint,
    closes_election text,
    PRIMARY KEY (topic, partition, record_offset)
);
-- Ballots are JSON of random numbers: compression would cost time and save little.
ALTER TABLE records ALTER COLUMN value SET STORAGE EXTERNAL;

-- The log: which record stands at which index.
CREATE TABLE entries (
    log_index bigint PRIMARY KEY,
    topic text NOT NULL,
    partition integer NOT NULL,
    record_offset bigint NOT NULL,
    leaf_hash bytea NOT NULL,
    UNIQUE (topic, partition, record_offset)
);
CREATE INDEX entries_by_leaf_hash ON entries (leaf_hash);

-- C2SP tlog-tiles; the last tile of a level grows until it has 256 hashes.
CREATE TABLE tiles (
    level integer NOT NULL,
    tile_index bigint NOT NULL,
    hashes bytea NOT NULL,
    PRIMARY KEY (level, tile_index)
);
ALTER TABLE tiles ALTER COLUMN hashes SET STORAGE EXTERNAL;

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    root bytea NOT NULL,
    note text NOT NULL
);
