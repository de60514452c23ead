-- The exact record of each ballot, whose hash is in the log: for its voter. Empty where the release before projected it.
ALTER TABLE ballots ADD COLUMN record bytea NOT NULL DEFAULT '';
ALTER TABLE ballots ALTER COLUMN record SET STORAGE EXTERNAL;
