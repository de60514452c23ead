-- What became of an election's draft, by the first of the two events: the other one does not stand.
CREATE TABLE fates (
    election_uuid text PRIMARY KEY,
    abandoned boolean NOT NULL
);
