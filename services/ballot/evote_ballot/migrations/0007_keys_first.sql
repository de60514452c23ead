-- An index begins with what tells one row from all others. Two that begin with the election are the same to a planner
-- that has no figures of the table yet: it took the one of credentials to find a tracker, and read all of the election.
CREATE UNIQUE INDEX ballots_of_tracker ON ballots (tracker, election_uuid);
CREATE INDEX ballots_of_credential ON ballots (credential, election_uuid);
DROP INDEX ballots_by_tracker;
DROP INDEX ballots_by_credential;
