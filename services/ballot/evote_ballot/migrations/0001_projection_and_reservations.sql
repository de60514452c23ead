-- Everything but the last table follows from the log and can be thrown away and replayed.
CREATE TABLE consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);

CREATE TABLE elections (
    election_uuid text PRIMARY KEY,
    election_json text NOT NULL,
    credentials_sha256 text NOT NULL,
    opens_at text NOT NULL,
    closes_at text NOT NULL
);

CREATE TABLE closed_elections (
    election_uuid text PRIMARY KEY
);

-- Lists are told apart by their hash; the opening says which one is the election's.
CREATE TABLE credentials (
    election_uuid text NOT NULL,
    credentials_sha256 text NOT NULL,
    credential text NOT NULL,
    PRIMARY KEY (election_uuid, credential, credentials_sha256)
);

-- Ballots that were admitted, each with the order statement of its voter.
CREATE TABLE ballots (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    credential text NOT NULL,
    tracker text NOT NULL,
    ballot text NOT NULL,
    accepted_at text NOT NULL,
    number bigint NOT NULL,
    challenge text NOT NULL,
    response text NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE UNIQUE INDEX ballots_by_tracker ON ballots (election_uuid, tracker);
CREATE INDEX ballots_by_credential ON ballots (election_uuid, credential);

CREATE TABLE ciphertexts (
    election_uuid text NOT NULL,
    digest text NOT NULL,
    tracker text NOT NULL,
    PRIMARY KEY (election_uuid, digest, tracker)
);

CREATE TABLE close_markers (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    partitions integer NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX close_markers_by_election ON close_markers (election_uuid);

-- The total order: the log index of each sequenced ballot, and the checkpoint that covers it.
CREATE TABLE log_entries (
    log_index bigint PRIMARY KEY,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    checkpoint_size bigint NOT NULL,
    UNIQUE (partition, log_offset)
);

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY
);

-- Not a projection: which ballot a ciphertext was promised to before it was published. Losing it is harmless, because
-- published ciphertexts are in the table above.
CREATE TABLE reservations (
    election_uuid text NOT NULL,
    digest text NOT NULL,
    tracker text NOT NULL,
    PRIMARY KEY (election_uuid, digest)
);
