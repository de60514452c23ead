"""PostgreSQL: one schema for each service, migrations in SQL files, a pool that sees that schema only.

Two roles work on a schema (see :mod:`evote_platform.roles`): its owner migrates and does nothing else; the service
runs as the other one, which can't change a table's form, and sees no other service's schema.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
import secrets
import socket
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit, urlunsplit

import asyncpg
import psycopg
import structlog
import yoyo
from psycopg import sql
from pydantic import SecretStr
from yoyo import internalmigrations

from .health import Check

_log = structlog.get_logger(__name__)

_SCHEMA = re.compile(r"[a-z][a-z0-9_]{0,40}")
_COMMAND_TIMEOUT_S = 30.0
_CONNECT_TIMEOUT_S = 5.0
_UNUSED_FOR_S = 60.0
"""A connection that nobody used for so long is closed. The pool hands out the last one that was given back, so that
what a stall had it open beside lies idle, with plans and catalogue for each in the server."""
_SILENCE_S = 10
"""How long either end of a connection waits for a sign of the other one's machine before it gives the session up."""
_PROBE_AFTER_S, _PROBES = 2, 4
_LOCK_TIMEOUT_MS = 5000
"""A migration waits no longer for a table that is in use: what waits for a lock makes everybody behind it wait too."""


@dataclass(frozen=True)
class Schema:
    """The tables of one service: the schema's name, and the folder of its migrations (see :func:`migrate`)."""

    name: str
    migrations: Path


class SchemaBehind(Exception):
    """The tables lack what this release needs. Fields: ``schema``, and ``missing``, the names of its migrations."""

    def __init__(self, schema: str, missing: Sequence[str]) -> None:
        super().__init__(f"the schema {schema} lacks {', '.join(missing)}: run this release's `migrate` first")
        self.schema = schema
        self.missing = tuple(missing)


class ServerTooSmall(Exception):
    """The server takes fewer connections of services than one replica may open. Fields: ``needed``, ``taken``."""

    def __init__(self, needed: int, taken: int) -> None:
        super().__init__(
            f"PostgreSQL takes {taken} connections of services, and this replica may open {needed}:"
            " lower EVOTE_DATABASE_POOL_SIZE, or raise max_connections (docs/runbooks/connections.md)"
        )
        self.needed = needed
        self.taken = taken


def migrate(owner_url: SecretStr, schema: Schema) -> None:
    """Bring the schema up to date: create it if it is missing, then apply the SQL files not applied yet.

    A step of its own, before a release is rolled out. Any number may call this at the same time: one works, the others
    wait for it. The lock is a session's advisory lock, so it ends with the process that holds it, however that ends.

    Args:
        owner_url: of the schema's owner.

    Raises:
        psycopg.Error: the database is away, or a migration failed; that one left nothing behind, and may be repeated.
    """
    _check_schema(schema.name)
    url = owner_url.get_secret_value()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s)", [_lock_key(schema.name)])
        # Looked for first: an owner who may not create schemas may not say IF NOT EXISTS either.
        if connection.execute("SELECT FROM pg_namespace WHERE nspname = %s", [schema.name]).fetchone() is None:
            connection.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(schema.name)))
        backend = yoyo.get_backend(_yoyo_url(url, schema.name))
        try:
            # Not under yoyo's own lock: it is a row, which stays for ever when its owner is killed.
            if internalmigrations.needs_upgrading(backend):
                internalmigrations.upgrade(backend)
            for migration in backend.to_apply(yoyo.read_migrations(str(schema.migrations))):
                # yoyo notes a migration after it has committed it: who is killed between finds tables that can't be
                # made again.
                with backend.transaction():
                    migration.process_steps(backend, "apply")
                    backend.mark_one(migration, log=False)
        finally:
            backend.connection.close()


class TimedPool(asyncpg.Pool):
    """A pool that tells ``waited`` how long each caller waited for a connection, in vain or not; in seconds."""

    waited: Callable[[float], None] | None = None

    async def _acquire(self, timeout: float | None) -> Any:  # noqa: ASYNC109 - asyncpg's own: all ways to it come here
        began = time.monotonic()
        try:
            return await super()._acquire(timeout)  # type: ignore[misc]  # asyncpg's types leave it out
        finally:
            if self.waited is not None:
                self.waited(time.monotonic() - began)

    async def release(self, connection: Any, *, timeout: float | None = None) -> None:  # noqa: ASYNC109
        """Give a connection back, in the caller's own task.

        asyncpg makes a task of it, so that a cancellation can't interrupt what still has to be sent: an open
        transaction's rollback. Here, it ends the connection, and the pool opens another one; but nearly always there is
        nothing to send, and the task costs a cast as much as all the rest of the pool.
        """
        if connection._con is not None:
            connection._con._on_release()
            holder = connection._holder
            await holder.release(holder._timeout if timeout is None else timeout)


async def open_pool(database_url: SecretStr, schema: str, *, max_size: int = 10, sessions: int = 0) -> TimedPool:
    """Connect; the pool's connections see ``schema`` and nothing else of the database.

    Args:
        sessions: how many connections this replica opens beside the pool (:func:`open_session`).

    Raises:
        OSError, asyncpg.PostgresError: the database is away or refuses.
    """
    _check_schema(schema)
    pool = TimedPool(
        database_url.get_secret_value(),
        min_size=1,
        max_size=max_size,
        # As create_pool has them, which makes no pool of another class.
        max_queries=50_000,
        max_inactive_connection_lifetime=_UNUSED_FOR_S,
        loop=None,
        record_class=asyncpg.Record,
        command_timeout=_COMMAND_TIMEOUT_S,
        connection_class=_WatchedConnection,
        # The name tells every other replica what this one may come to need: see _look_for_room.
        server_settings={
            "search_path": schema,
            # Each statement of ours is planned once for a connection. Of one that takes an array, as nearly all of a
            # projection do, the server would make a plan for each time: one that knows the array's length seems better
            # to it, by the time it takes to plan that it doesn't count.
            "plan_cache_mode": "force_generic_plan",
            # Nor does a plan know how its tables will have grown: while they are small, to read all of one seems to
            # cost nothing. What has no index to go by still does, but is priced so high that the server would compile
            # it for the processor each time.
            "enable_seqscan": "off",
            "jit": "off",
            **_session_settings(f"evote-{schema} {secrets.token_hex(4)} {max_size + sessions}"),
        },
    )
    await pool
    return pool


async def open_session(database_url: SecretStr, name: str) -> asyncpg.Connection:
    """A connection of its own, for a lock that is a session's; ``name`` shows in ``pg_stat_activity``.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database is away or refuses.
    """
    return await asyncpg.connect(
        database_url.get_secret_value(),
        timeout=_CONNECT_TIMEOUT_S,
        connection_class=_WatchedConnection,
        server_settings=_session_settings(name[:63]),
    )


class _WatchedConnection(asyncpg.Connection):
    """Ends when the database's machine gives no sign any more, while a query waits and while none does.

    Locks are a session's. The server gives them to another one when it misses us (:func:`_session_settings`), so we
    must learn as early that we have none any more, also on a machine that the network only cut off.
    """

    __slots__ = ()

    def __init__(self, protocol: Any, transport: asyncio.Transport, *arguments: Any) -> None:
        super().__init__(protocol, transport, *arguments)
        sock: socket.socket = transport.get_extra_info("socket")
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            for level, option, value in (
                (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1),
                (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, _PROBE_AFTER_S),
                (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, _PROBE_AFTER_S),
                (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, _PROBES),
                (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, _SILENCE_S * 1000),
            ):
                sock.setsockopt(level, option, value)

    def get_reset_query(self) -> str:
        """Nothing: a round trip less for each use of a connection of a pool.

        asyncpg rolls back a transaction that was left open. It would also undo settings, locks and listeners of the
        session, which nobody may leave on a pool's connection (``tests/contract/test_sessions.py``).
        """
        return ""


def _session_settings(name: str) -> dict[str, str]:
    """The session's name, and when the server gives it up, with all its locks."""
    return {
        "application_name": name,
        "tcp_keepalives_idle": str(_PROBE_AFTER_S),
        "tcp_keepalives_interval": str(_PROBE_AFTER_S),
        "tcp_keepalives_count": str(_PROBES),
        "tcp_user_timeout": str(_SILENCE_S * 1000),
    }


@asynccontextmanager
async def schema_pool(
    database_url: SecretStr, schema: Schema, *, max_size: int = 10, sessions: int = 0
) -> AsyncIterator[TimedPool]:
    """Be connected to a schema that was migrated, while the block runs.

    Args:
        sessions: how many connections this replica opens beside the pool (:func:`open_session`).

    Raises:
        ServerTooSmall: the server never takes as many connections as this replica may open.
        SchemaBehind: a migration of this release is missing. One that this release doesn't know is no fault: the next
            release's tables serve this one too.
        OSError, asyncpg.PostgresError: the database is away or refuses.
    """
    async with await open_pool(database_url, schema.name, max_size=max_size, sessions=sessions) as pool:
        await _require_migrated(pool, schema)
        await _look_for_room(pool, max_size + sessions)
        yield pool


async def require_migrated(database_url: SecretStr, schema: Schema) -> None:
    """Return when the database takes a connection of ours and has the tables of this release.

    Raises :class:`SchemaBehind`; OSError, asyncpg.PostgresError or asyncpg.InterfaceError: it is away or refuses.
    """
    async with asyncio.timeout(_CONNECT_TIMEOUT_S):
        session = await asyncpg.connect(
            database_url.get_secret_value(),
            connection_class=_WatchedConnection,
            # Of no name that _look_for_room counts, which the server may show for a while after it has ended.
            server_settings={"search_path": schema.name, **_session_settings(f"evote-{schema.name} start")},
        )
        try:
            await _require_migrated(session, schema)
        finally:
            await session.close(timeout=_CONNECT_TIMEOUT_S)


async def _require_migrated(pool: asyncpg.Pool | asyncpg.Connection, schema: Schema) -> None:
    needed = sorted(path.stem for path in schema.migrations.glob("*.sql"))
    try:
        applied = {row["migration_id"] for row in await pool.fetch("SELECT migration_id FROM _yoyo_migration")}
    except (asyncpg.UndefinedTableError, asyncpg.InvalidSchemaNameError):
        applied = set()
    missing = [name for name in needed if name not in applied]
    if missing:
        raise SchemaBehind(schema.name, missing)


SESSIONS_PLANNED = """
       (SELECT COALESCE(sum(split_part(name, ' ', 3)::int), 0)
        FROM (SELECT DISTINCT application_name AS name FROM pg_stat_activity) AS named
        WHERE name ~ '^evote-[a-z0-9_]+ [0-9a-f]{8} [0-9]{1,4}$')
"""
"""In SQL: how many connections the replicas that are there may open together, as the names of their sessions say."""
_ROOM = f"""
SELECT current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int
       - COALESCE(current_setting('reserved_connections', true), '0')::int AS taken,
       {SESSIONS_PLANNED} AS planned,
       (SELECT count(*) FROM pg_stat_activity
        WHERE datname IS NOT NULL AND application_name NOT LIKE 'evote-%') AS others
"""  # noqa: S608 - a constant


async def _look_for_room(pool: asyncpg.Pool, needed: int) -> None:
    """Compare what the server takes with what all replicas may open together, this one included.

    A server that is too small for them all takes each of them, until all pools are full on the evening of the vote. The
    replica starts nevertheless, since an upgrade has one too many for a while.
    """
    room = await pool.fetchrow(_ROOM)
    assert room is not None  # noqa: S101 - a query without FROM has one row
    if needed > room["taken"]:
        raise ServerTooSmall(needed, room["taken"])
    if room["planned"] + room["others"] > room["taken"]:
        _log.error(
            "database-connections-short",
            server_takes=room["taken"],
            replicas_may_open=room["planned"],
            others_open=room["others"],
            remedy="lower EVOTE_DATABASE_POOL_SIZE, run fewer replicas, or raise max_connections",
        )


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
    """The URL for yoyo: its psycopg 3 driver; schema and limit are set by libpq before the first statement."""
    parts = urlsplit(url)
    query = dict(parse_qsl(parts.query))
    options = f"{query.pop('options', '')} -csearch_path={schema} -clock_timeout={_LOCK_TIMEOUT_MS}".strip()
    query["options"] = options
    return urlunsplit(("postgresql+psycopg", parts.netloc, parts.path, urlencode(query, quote_via=quote), ""))
