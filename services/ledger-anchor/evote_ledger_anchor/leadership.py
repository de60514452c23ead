"""One replica at a time does a job: an advisory lock of PostgreSQL, held by a connection of its own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import asyncpg
from pydantic import SecretStr

_ASK_AGAIN_S = 0.5
_CONNECT_TIMEOUT_S = 5.0


class LeadershipLost(Exception):
    """The connection that holds the lock is gone: another replica may lead by now."""


class Leadership:
    """The lock, while its connection lives."""

    def __init__(self, connection: asyncpg.Connection) -> None:
        self._gone = asyncio.Event()
        connection.add_termination_listener(lambda _: self._gone.set())

    async def lost(self) -> None:
        """Wait until the lock is lost, then raise :class:`LeadershipLost`."""
        await self._gone.wait()
        raise LeadershipLost


@asynccontextmanager
async def leadership(database_url: SecretStr, name: str) -> AsyncIterator[Leadership]:
    """Wait until no other replica leads in the job ``name``, and lead while the block runs.

    The lock alone makes nothing safe: a leader may be cut off from the database without noticing. For the
    sequencer it keeps replicas from fencing each other in turns; that only one can write is Kafka's
    transactional id (:class:`evote_eventlog.producer.TransactionalProducer`).

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database is away.
    """
    connection = await asyncpg.connect(
        database_url.get_secret_value(),
        timeout=_CONNECT_TIMEOUT_S,
        server_settings={
            "application_name": f"evote-ledger-{name}",
            # A leader that vanished without a word keeps the lock for 15 s at the most.
            "tcp_keepalives_idle": "5",
            "tcp_keepalives_interval": "5",
            "tcp_keepalives_count": "2",
        },
    )
    try:
        while not await connection.fetchval("SELECT pg_try_advisory_lock($1)", _lock_key(name)):  # noqa: ASYNC110
            await asyncio.sleep(_ASK_AGAIN_S)
        yield Leadership(connection)
    finally:
        connection.terminate()


def _lock_key(name: str) -> int:
    return int.from_bytes(hashlib.sha256(f"tsukuba-evote ledger {name}".encode()).digest()[:8], "big", signed=True)
