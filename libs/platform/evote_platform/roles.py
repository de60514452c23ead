"""The two roles of a service's schema, as the SQL that an administrator of the database runs once.

The owner migrates. The service's own role reads and writes rows of this one schema; it can't change a table's form, and
sees nothing of another service's. Neither may create anything anywhere else.
"""

from __future__ import annotations

from .database import Schema


def owner_role(schema: Schema) -> str:
    """The role that owns the schema and migrates it."""
    return f"{service_role(schema)}_owner"


def service_role(schema: Schema) -> str:
    """The role that the service runs as."""
    return f"evote_{schema.name}"


def role_statements(schema: Schema) -> str:
    """The statements, to be run in the services' database; passwords are the administrator's to give.

    They may be run again, and in a new database beside roles that stand: after the loss of a database they are what
    comes before ``migrate`` and ``replay``.
    """
    owner, service, name = owner_role(schema), service_role(schema), schema.name
    default = f"ALTER DEFAULT PRIVILEGES FOR ROLE {owner} IN SCHEMA {name} GRANT"
    return f"""\
DO $$ BEGIN
  IF to_regrole('{owner}') IS NULL THEN CREATE ROLE {owner} LOGIN; END IF;
  IF to_regrole('{service}') IS NULL THEN CREATE ROLE {service} LOGIN; END IF;
  EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('GRANT CONNECT ON DATABASE %I TO {owner}, {service}', current_database());
END $$;
REVOKE ALL ON SCHEMA public FROM PUBLIC;
CREATE SCHEMA IF NOT EXISTS {name} AUTHORIZATION {owner};
GRANT USAGE ON SCHEMA {name} TO {service};
{default} SELECT, INSERT, UPDATE, DELETE, TRUNCATE ON TABLES TO {service};
{default} USAGE, SELECT ON SEQUENCES TO {service};
"""
