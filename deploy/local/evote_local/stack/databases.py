"""The services' schemas in one database, each with roles of its own, as an administrator would make them."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg
from evote_platform.database import Schema
from evote_platform.roles import owner_role, role_statements, service_role

from ..nodes.postgres import PostgresServer

DATABASE = "evote"


@dataclass(frozen=True)
class SchemaAccess:
    """How one service reaches its schema."""

    owner_url: str = field(repr=False)
    """For ``migrate``."""
    service_url: str = field(repr=False)


def create_schemas(
    server: PostgresServer, names: Sequence[str], passwords: dict[str, str] | None = None
) -> dict[str, SchemaAccess]:
    """Make the database, and in it the schema of each name with its two roles; the ways in, by schema.

    Args:
        passwords: by role, as they were before the server was lost; roles that aren't in it are added with new ones.
    """
    url, known = server.create_database(DATABASE), {} if passwords is None else passwords
    return {name: asyncio.run(_create_schema(server, url, name, known)) for name in names}


async def _create_schema(server: PostgresServer, url: str, name: str, passwords: dict[str, str]) -> SchemaAccess:
    schema = Schema(name, Path())
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(role_statements(schema))
        ways = []
        for role in (owner_role(schema), service_role(schema)):
            password = passwords.setdefault(role, secrets.token_urlsafe(24))
            await connection.execute(f"ALTER ROLE {role} PASSWORD '{password}'")
            ways.append(server.dsn_of(role, password, DATABASE))
        return SchemaAccess(*ways)
    finally:
        await connection.close()
