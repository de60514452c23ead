-- Additive, so that a replica of the version before may go on beside this one.

-- Vault: what officers signed for each act, sealed to the auditor of record. A nonce acts once.
CREATE TABLE vault_officers_acts (
    nonce text PRIMARY KEY,
    election_uuid text NOT NULL,
    command_sha256 text NOT NULL,
    evidence_sha256 text NOT NULL,
    sealed bytea NOT NULL
);
CREATE INDEX vault_officers_acts_by_evidence ON vault_officers_acts (election_uuid, evidence_sha256);

-- Projection: the acts in the log.
CREATE TABLE officers_acts (
    partition integer NOT NULL,
    log_offset bigint NOT NULL,
    election_uuid text NOT NULL,
    evidence_sha256 text NOT NULL,
    PRIMARY KEY (partition, log_offset)
);
