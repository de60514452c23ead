"""PostgreSQL: one schema for each service, migrations in SQL files, a pool that sees that schema only."""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
import psycopg
import yoyo
from psycopg import sql
from pydantic import SecretStr

from .health import Check

_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,40}")
_COMMAND_TIMEOUT_S = 30.0


@dataclass(frozen=True)
class Schema:
    """The tables of one service: the schema's name, and the folder of its migrations (see :func:`migrate`)."""

    name: str
    migrations: Path


def migrate(database_url: SecretStr, schema: str, migrations_dir: Path) -> None:
    """Bring the schema up to date: create it if it is missing, then apply the SQL files not applied yet.

    Any number of replicas may call this at the same time: one works, the others wait for it. The lock
    is a session's advisory lock, so it ends with the process that holds it, however that ends.

    Args:
        migrations_dir: holds yoyo's files ``0001-what-it-does.sql``, applied in the order of their names.

    Raises:
        psycopg.Error: the database is away, or a migration failed; that migration left nothing behind.
    """
    _check_schema(schema)
    url = database_url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_lock_key(schema)])
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        # Not yoyo's own lock: it is a row, which stays for ever when its owner is killed.
        backend = yoyo.get_backend(_yoyo_url(url, schema))
        try:
            backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(migrations_dir))))
        finally:
            backend.connection.close()


async def open_pool(database_url: SecretStr, schema: str, *, max_size: int = 10) -> asyncpg.Pool:
    """Connect; the pool's connections see ``schema`` and nothing else of the database.

    Raises:
        OSError, asyncpg.PostgresError: the database is away or refuses.
    """
    _check_schema(schema)
    return await asyncpg.create_pool(
        database_url.get_secret_value(),
        min_size=1,
        max_size=max_size,
        command_timeout=_COMMAND_TIMEOUT_S,
        server_settings={"search_path": schema, "application_name": f"evote-{schema}"},
    )


@asynccontextmanager
async def migrated_pool(database_url: SecretStr, schema: Schema, *, max_size: int = 10) -> AsyncIterator[asyncpg.Pool]:
    """Bring the schema up to date, and be connected to it while the block runs; raises what both of them do."""
    await asyncio.to_thread(migrate, database_url, schema.name, schema.migrations)
    async with await open_pool(database_url, schema.name, max_size=max_size) as pool:
        yield pool


def database_check(pool: asyncpg.Pool) -> Check:
    """A readiness check: a connection answers."""

    async def answers() -> bool:
        return bool(await pool.fetchval("SELECT 1") == 1)

    return answers


def _check_schema(schema: str) -> None:
    if not _SCHEMA.fullmatch(schema):
        raise ValueError(f"not a plain schema name: {schema!r}")


def _lock_key(schema: str) -> int:
    digest = hashlib.sha256(f"tsukuba-evote migrations {schema}".encode()).digest()
    return int.from_bytes(digest[:8], "big", signed=True)


def _yoyo_url(url: str, schema: str) -> str:
    """The URL for yoyo: its psycopg 3 driver, and the schema set by libpq before the first statement."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    options = f"{query.pop('options', '')} -csearch_path={schema}".strip()
    query["options"] = options
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))
