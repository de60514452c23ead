-- Whether an election is closed is asked whenever records are served: its ballots are public afterwards.
CREATE INDEX records_by_closed_election ON records (closes_election) WHERE closes_election IS NOT NULL;
