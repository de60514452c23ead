-- Additive, so that a replica of the version before may go on beside this one.

-- A voter's one voting code, by its keyed hash only.
CREATE TABLE vault_voting_codes (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    code_digest text NOT NULL,
    origin text NOT NULL,
    issued_at timestamptz NOT NULL,
    officer text,
    reason text,
    PRIMARY KEY (election_uuid, voter_ref),
    UNIQUE (election_uuid, code_digest)
);

-- Every issue of codes to all voters: one replaces the one before only by naming it.
CREATE TABLE vault_voting_code_issues (
    election_uuid text NOT NULL,
    issue_number integer NOT NULL,
    officer text NOT NULL,
    reason text NOT NULL,
    issued_at timestamptz NOT NULL,
    PRIMARY KEY (election_uuid, issue_number)
);

-- Wrong codes over all replicas, by the minute: how far everybody's codes are slowed down.
CREATE TABLE vault_wrong_codes (
    election_uuid text NOT NULL,
    minute timestamptz NOT NULL,
    wrong integer NOT NULL,
    PRIMARY KEY (election_uuid, minute)
);

CREATE TABLE vault_face_orders (
    order_id text PRIMARY KEY,
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    purpose text NOT NULL,
    issued_at timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    -- Of a verification: the code that was proven, as it was then.
    code_origin text,
    code_issued_at timestamptz,
    -- Of an enrolment: officer and reason, or none of both when it was ordered by card. Of a verification: the code's.
    officer text,
    reason text,
    used boolean NOT NULL
);
CREATE INDEX vault_face_orders_by_voter ON vault_face_orders (election_uuid, voter_ref, purpose, issued_at);
