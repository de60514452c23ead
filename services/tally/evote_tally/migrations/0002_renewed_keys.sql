-- How often the trustee's key had been renewed: certificates and renewals come once for each of them.
-- Additive, so that a replica of the version before may go on beside this one.
ALTER TABLE facts ADD COLUMN renewal bigint NOT NULL DEFAULT 0;
ALTER TABLE facts DROP CONSTRAINT facts_election_uuid_kind_trustee_key;
ALTER TABLE facts ADD UNIQUE (election_uuid, kind, trustee, renewal);
