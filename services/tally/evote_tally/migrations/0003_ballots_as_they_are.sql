-- A ballot is group elements and proofs, and can't be made shorter: trying costs the server more than the row itself.
ALTER TABLE ballots ALTER COLUMN ballot SET STORAGE EXTERNAL;
