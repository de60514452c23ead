-- Additive, so that a replica of the version before may go on beside this one.

-- Candidates for a card are looked up by what has one spelling only.
CREATE INDEX vault_voters_by_birth ON vault_voters (election_uuid, birth_date, sex);

-- Needed to ask whether a bound certificate is still valid; unknown for bindings made before, until the card comes again.
ALTER TABLE vault_cards ADD COLUMN user_der bytea, ADD COLUMN signature_der bytea;

-- Every pair that took another's place, in its order for each voter.
CREATE TABLE vault_card_changes (
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    change_number integer NOT NULL,
    user_before text,
    signature_before text,
    user_after text NOT NULL,
    signature_after text NOT NULL,
    -- JSON: fingerprint → why it was no longer valid.
    why text NOT NULL,
    changed_at timestamptz NOT NULL,
    case_number text,
    officer text,
    reason text,
    PRIMARY KEY (election_uuid, voter_ref, change_number)
);
CREATE INDEX vault_card_changes_by_user ON vault_card_changes (election_uuid, user_before);
CREATE INDEX vault_card_changes_by_signature ON vault_card_changes (election_uuid, signature_before);

-- Lost cards. Without fingerprints: lost before it was used, so nobody here knows its certificates.
CREATE TABLE vault_card_blocks (
    block_number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    election_uuid text NOT NULL,
    voter_ref text NOT NULL,
    user_fingerprint text,
    signature_fingerprint text,
    officer text NOT NULL,
    reason text NOT NULL,
    blocked_at timestamptz NOT NULL,
    lifted_at timestamptz,
    lifted_by text,
    lift_reason text
);
CREATE INDEX vault_card_blocks_by_voter ON vault_card_blocks (election_uuid, voter_ref) WHERE lifted_at IS NULL;
CREATE INDEX vault_card_blocks_by_user ON vault_card_blocks (election_uuid, user_fingerprint) WHERE lifted_at IS NULL;
CREATE INDEX vault_card_blocks_by_signature ON vault_card_blocks (election_uuid, signature_fingerprint)
    WHERE lifted_at IS NULL;

CREATE TABLE vault_cases (
    election_uuid text NOT NULL,
    case_number text NOT NULL,
    kind text NOT NULL,
    user_fingerprint text NOT NULL,
    signature_fingerprint text NOT NULL,
    name text NOT NULL,
    address text NOT NULL,
    birth_date text NOT NULL,
    sex text NOT NULL,
    candidates text[] NOT NULL,
    opened_at timestamptz NOT NULL,
    decided_at timestamptz,
    decided_voter_ref text,
    officer text,
    reason text,
    -- When a card was bound on this decision: it is good for once.
    applied_at timestamptz,
    PRIMARY KEY (election_uuid, case_number)
);
-- A card that comes again finds its case, and never opens a second one.
CREATE UNIQUE INDEX vault_cases_of_a_card ON vault_cases (election_uuid, kind, user_fingerprint, signature_fingerprint)
    WHERE applied_at IS NULL;
CREATE INDEX vault_cases_pending ON vault_cases (election_uuid, opened_at) WHERE decided_at IS NULL;

CREATE TABLE vault_failures (
    election_uuid text NOT NULL,
    fingerprint text NOT NULL,
    failures integer NOT NULL,
    last_at timestamptz NOT NULL,
    PRIMARY KEY (election_uuid, fingerprint)
);
