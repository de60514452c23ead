-- Of anchors a few are unverified, and each that is verified looks for those of earlier blocks: by the key, it read all
-- that were ever verified.
CREATE INDEX anchors_unverified ON anchors (ledger, block) WHERE NOT verified;
