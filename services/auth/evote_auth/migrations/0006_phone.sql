-- Additive, so that a replica of the version before may go on beside this one.

-- Ways to the phone's app and back. What came of one names a person: it goes with its challenge.
CREATE TABLE vault_phone_visits (
    challenge_id text PRIMARY KEY REFERENCES vault_challenges ON DELETE CASCADE,
    code_verifier text NOT NULL,
    transaction_id text NOT NULL,
    id_token text,
    signature_der bytea,
    statement_signature bytea
);

-- By phone only the signature certificate is seen. The version before finds no user-authentication certificate then, and
-- leaves a card that comes for the same voter to an officer.
ALTER TABLE vault_cards ALTER COLUMN user_fingerprint DROP NOT NULL;
ALTER TABLE vault_card_changes ALTER COLUMN user_after DROP NOT NULL;
ALTER TABLE vault_cases ALTER COLUMN user_fingerprint DROP NOT NULL;
-- vault_cases_of_a_card tells two NULLs apart.
CREATE UNIQUE INDEX vault_cases_of_a_signature_certificate ON vault_cases (election_uuid, kind, signature_fingerprint)
    WHERE applied_at IS NULL AND user_fingerprint IS NULL;
