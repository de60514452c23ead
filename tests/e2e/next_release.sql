-- Of the next release, on ballot's schema: a column that this release neither fills nor reads, and an index on it.
ALTER TABLE ballots ADD COLUMN channel text;
CREATE INDEX ballots_by_channel ON ballots (election_uuid, channel);
