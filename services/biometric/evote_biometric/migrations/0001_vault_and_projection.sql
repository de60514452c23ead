-- The vault: what must never be in an event. It is never replayed. Rows of an election go when it is certified.
CREATE TABLE vault_election_keys (
    election_uuid text PRIMARY KEY,
    -- The election's key under the master key; without this row its templates can't be read by anybody.
    wrapped_key bytea NOT NULL
);

CREATE TABLE vault_templates (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    version integer NOT NULL,
    nonce bytea NOT NULL,
    ciphertext bytea NOT NULL,
    PRIMARY KEY (election_uuid, voter_ref)
);

CREATE TABLE vault_orders (
    order_id text PRIMARY KEY,
    election_uuid text NOT NULL,
    attempts integer NOT NULL,
    done boolean NOT NULL,
    expires_at timestamptz NOT NULL
);
CREATE INDEX vault_orders_by_expiry ON vault_orders (expires_at);

CREATE TABLE vault_verifications (
    verification_id text PRIMARY KEY,
    order_id text NOT NULL,
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    actions text[] NOT NULL,
    nonce text NOT NULL,
    attempts_left integer NOT NULL,
    begun_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    used boolean NOT NULL
);
CREATE INDEX vault_verifications_by_expiry ON vault_verifications (expires_at);

CREATE TABLE vault_attempts (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    attempts integer NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (election_uuid, voter_ref)
);

-- Keyed digests of frames that were sent before: they tell nothing about a picture.
CREATE TABLE vault_frames (
    election_uuid text NOT NULL,
    digest bytea NOT NULL,
    PRIMARY KEY (election_uuid, digest)
);

CREATE TABLE vault_erasures (
    election_uuid text PRIMARY KEY,
    templates integer NOT NULL,
    published boolean NOT NULL
);

-- The projection: everything below follows from the log and can be thrown away and replayed.
CREATE TABLE consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
);

CREATE TABLE certified_elections (
    election_uuid text PRIMARY KEY
);

CREATE TABLE enrolled_faces (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    PRIMARY KEY (election_uuid, voter_ref)
);

CREATE TABLE verified_faces (
    election_uuid text NOT NULL,
    verdict_id text NOT NULL,
    PRIMARY KEY (election_uuid, verdict_id)
);

CREATE TABLE rejections (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    reason text NOT NULL,
    PRIMARY KEY (partition, log_offset)
);

CREATE TABLE erased_elections (
    election_uuid text PRIMARY KEY,
    templates integer NOT NULL
);
