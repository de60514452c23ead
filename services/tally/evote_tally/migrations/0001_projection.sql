-- Everything here follows from the log and can be thrown away and replayed.
CREATE TABLE IF NOT EXISTS consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);

-- The events that stand (evote_tally.domain.facts); data is the event's JSON, time its envelope's.
CREATE TABLE facts (
    topic text NOT NULL,
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    kind text NOT NULL,
    trustee bigint NOT NULL,
    time text NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (topic, partition, log_offset),
    UNIQUE (election_uuid, kind, trustee)
);

CREATE TABLE credential_parts (
    election_uuid text NOT NULL,
    credentials_sha256 text NOT NULL,
    part bigint NOT NULL,
    data text NOT NULL,
    PRIMARY KEY (election_uuid, credentials_sha256, part)
);

CREATE TABLE ballots (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    credential text NOT NULL,
    tracker text NOT NULL,
    ballot text NOT NULL,
    number bigint NOT NULL,
    challenge text NOT NULL,
    response text NOT NULL,
    leaf_hash bytea NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX ballots_of_election ON ballots (election_uuid);

CREATE TABLE close_markers (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    partitions bigint NOT NULL,
    leaf_hash bytea NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
CREATE INDEX close_markers_of_election ON close_markers (election_uuid);

-- Where the records of the ballots topic stand in the public log, each with the leaf that the log has for it.
CREATE TABLE ballot_entries (
    log_index bigint PRIMARY KEY,
    partition bigint NOT NULL,
    log_offset bigint NOT NULL,
    leaf_hash bytea NOT NULL,
    UNIQUE (partition, log_offset)
);

-- What was found of each logged ballot of an opened election, in the log's order: it follows from the tables above.
CREATE TABLE examined (
    log_index bigint PRIMARY KEY,
    election_uuid text NOT NULL,
    ciphertexts bytea, -- the SHA-256 of each ciphertext of an acceptable ballot, one behind the other
    passed_over text, -- the rule that a ballot breaks which is not acceptable
    CHECK ((ciphertexts IS NULL) <> (passed_over IS NULL))
);
CREATE INDEX examined_of_election ON examined (election_uuid, log_index);

CREATE TABLE checkpoints (
    size bigint PRIMARY KEY,
    previous_size bigint NOT NULL
);
