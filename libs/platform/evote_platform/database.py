"""PostgreSQL: one schema for each service, its migrations, and its readiness."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import parse_qsl, urlencode, urlsplit, urlunsplit

import asyncpg
import psycopg
import yoyo
from psycopg import sql

from .health import Check

_CONNECT_TIMEOUT_S = 5
_COMMAND_TIMEOUT_S = 30


async def open_pool(database_url: str, schema: str, *, max_size: int = 10) -> asyncpg.Pool:
    """Connections whose search path is ``schema``; a statement may take at most 30 s."""
    return await asyncpg.create_pool(
        database_url,
        min_size=1,
        max_size=max_size,
        timeout=_CONNECT_TIMEOUT_S,
        command_timeout=_COMMAND_TIMEOUT_S,
        server_settings={"search_path": schema},
    )


def migrate(database_url: str, schema: str, migrations: Path) -> None:
    """Bring ``schema`` to the newest of the SQL files in ``migrations``.

    Safe when several replicas start at once: a lock of the database lets one after the other pass.
    """
    with psycopg.connect(database_url, autocommit=True) as connection:
        # CREATE SCHEMA IF NOT EXISTS fails when two sessions race for it.
        connection.execute("SELECT pg_advisory_lock(hashtext(%s))", (f"evote-migrate-{schema}",))
        connection.execute(sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(schema)))
        backend = yoyo.get_backend(_yoyo_url(database_url, schema))
        try:
            backend.apply_migrations(backend.to_apply(yoyo.read_migrations(str(migrations))))
        finally:
            backend.connection.close()


def database_check(pool: asyncpg.Pool) -> Check:
    """A readiness check: the database answers a query."""

    async def check() -> None:
        await pool.fetchval("SELECT 1")

    return check


def _yoyo_url(database_url: str, schema: str) -> str:
    parts = urlsplit(database_url)
    query = urlencode([*parse_qsl(parts.query), ("schema", schema)])
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, query, ""))
