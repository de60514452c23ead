-- Additive, so that a replica of the version before may go on beside this one: it notes frames without these, and erases
-- them with their rows.

-- Whose a frame is, and its sketch, sealed under the election's key; empty until it was read, or where the version before noted it.
ALTER TABLE vault_frames ADD COLUMN voter_ref text;
ALTER TABLE vault_frames ADD COLUMN sealed_sketch bytea;
CREATE INDEX vault_frames_by_voter ON vault_frames (election_uuid, voter_ref) WHERE voter_ref IS NOT NULL;
