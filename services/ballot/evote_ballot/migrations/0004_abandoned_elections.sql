-- Elections that were given up before they were opened: an opening behind that does not stand.
CREATE TABLE abandoned_elections (
    election_uuid text PRIMARY KEY
);
