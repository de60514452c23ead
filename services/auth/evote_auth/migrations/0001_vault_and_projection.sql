-- The vault: what must never be in an event. It is backed up, and never replayed.
CREATE TABLE vault_rolls (
    election_uuid text PRIMARY KEY,
    frozen boolean NOT NULL,
    -- Tells the master key that the credentials were derived from; tells nothing about it.
    key_id text
);

CREATE TABLE vault_voters (
    election_uuid text NOT NULL REFERENCES vault_rolls,
    voter_ref text NOT NULL,
    voter_id text NOT NULL,
    match_key text NOT NULL,
    name text NOT NULL,
    address text NOT NULL,
    birth_date text NOT NULL,
    sex text NOT NULL,
    PRIMARY KEY (election_uuid, voter_ref),
    UNIQUE (election_uuid, voter_id),
    UNIQUE (election_uuid, match_key)
);

CREATE TABLE vault_challenges (
    challenge_id text PRIMARY KEY,
    election_uuid text NOT NULL,
    nonce text NOT NULL,
    expires_at timestamptz NOT NULL,
    used boolean NOT NULL
);
CREATE INDEX vault_challenges_by_expiry ON vault_challenges (expires_at);

CREATE TABLE vault_cards (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    user_fingerprint text NOT NULL,
    signature_fingerprint text NOT NULL,
    PRIMARY KEY (election_uuid, voter_ref),
    UNIQUE (election_uuid, user_fingerprint),
    UNIQUE (election_uuid, signature_fingerprint)
);

-- Sealed to the auditor of record: nobody here can open it.
CREATE TABLE vault_evidence (
    evidence_sha256 text PRIMARY KEY,
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    sealed bytea NOT NULL
);

-- The projection: everything below follows from the log and can be thrown away and replayed.
CREATE TABLE consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);

CREATE TABLE elections (
    election_uuid text PRIMARY KEY,
    name text NOT NULL,
    group_name text NOT NULL
);

CREATE TABLE closed_elections (
    election_uuid text PRIMARY KEY
);

CREATE TABLE published_parts (
    election_uuid text NOT NULL,
    credentials_sha256 text NOT NULL,
    part bigint NOT NULL,
    parts bigint NOT NULL,
    PRIMARY KEY (election_uuid, credentials_sha256, part)
);

CREATE TABLE releases (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    evidence_sha256 text NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
