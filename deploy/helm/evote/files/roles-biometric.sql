DO $$ BEGIN
  IF to_regrole('evote_biometric_owner') IS NULL THEN CREATE ROLE evote_biometric_owner LOGIN; END IF;
  IF to_regrole('evote_biometric') IS NULL THEN CREATE ROLE evote_biometric LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO evote_biometric_owner, evote_biometric', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS biometric AUTHORIZATION evote_biometric_owner;
GRANT USAGE ON SCHEMA biometric TO evote_biometric;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_biometric_owner IN SCHEMA biometric GRANT SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO evote_biometric;
ALTER DEFAULT PRIVILEGES FOR ROLE evote_biometric_owner IN SCHEMA biometric GRANT USAGE, SELECT ON SEQUENCES TO evote_biometric;
