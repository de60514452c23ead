DO $$ BEGIN
  IF to_regrole('evote_auth_owner') IS NULL THEN CREATE ROLE evote_auth_owner LOGIN; END IF;
  IF to_regrole('evote_auth') IS NULL THEN CREATE ROLE evote_auth LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO evote_auth_owner, evote_auth', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS auth AUTHORIZATION evote_auth_owner;
GRANT USAGE ON SCHEMA auth TO evote_auth;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_auth_owner IN SCHEMA auth GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO evote_auth;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_auth_owner IN SCHEMA auth GRANT USAGE, SELECT ON SEQUENCES TO evote_auth;
DO $$ BEGIN
  IF to_regrole('evote_ballot_owner') IS NULL THEN CREATE ROLE evote_ballot_owner LOGIN; END IF;
  IF to_regrole('evote_ballot') IS NULL THEN CREATE ROLE evote_ballot LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO evote_ballot_owner, evote_ballot', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS ballot AUTHORIZATION evote_ballot_owner;
GRANT USAGE ON SCHEMA ballot TO evote_ballot;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_ballot_owner IN SCHEMA ballot GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO evote_ballot;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_ballot_owner IN SCHEMA ballot GRANT USAGE, SELECT ON SEQUENCES TO evote_ballot;
DO $$ BEGIN
  IF to_regrole('evote_ledger_owner') IS NULL THEN CREATE ROLE evote_ledger_owner LOGIN; END IF;
  IF to_regrole('evote_ledger') IS NULL THEN CREATE ROLE evote_ledger LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO evote_ledger_owner, evote_ledger', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS ledger AUTHORIZATION evote_ledger_owner;
GRANT USAGE ON SCHEMA ledger TO evote_ledger;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_ledger_owner IN SCHEMA ledger GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO evote_ledger;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_ledger_owner IN SCHEMA ledger GRANT USAGE, SELECT ON SEQUENCES TO evote_ledger;
DO $$ BEGIN
  IF to_regrole('evote_tally_owner') IS NULL THEN CREATE ROLE evote_tally_owner LOGIN; END IF;
  IF to_regrole('evote_tally') IS NULL THEN CREATE ROLE evote_tally LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO evote_tally_owner, evote_tally', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS tally AUTHORIZATION evote_tally_owner;
GRANT USAGE ON SCHEMA tally TO evote_tally;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_tally_owner IN SCHEMA tally GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO evote_tally;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_tally_owner IN SCHEMA tally GRANT USAGE, SELECT ON SEQUENCES TO evote_tally;
