"""What everybody may read, kept apart from what must not wait: a share of the pool, and no more."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, Final, TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

ACQUIRE_WITHIN_S: Final = 2.0
"""How long a read waits for its turn, in seconds: then it is 503, and the client comes again after Retry-After."""
MOST_WAITING: Final = 200

ReadConnection: TypeAlias = "PoolConnectionProxy[asyncpg.Record]"


class ReadsBusy(TimeoutError):
    """So many reads wait that another one would only wait in vain; answered as a database that is away."""


class Reads:
    """At most half of a pool's connections at once: however many read, the other half is for casts and projections.

    It runs a query as a pool does, each on a connection of its own.
    """

    def __init__(self, pool: asyncpg.Pool) -> None:
        self._pool = pool
        self._slots = asyncio.Semaphore(max(1, pool.get_max_size() // 2))
        self._within_s: float | None = ACQUIRE_WITHIN_S
        self._waiting = 0

    def unhurried(self) -> Reads:
        """The same share, without a limit to the wait: for the rest of an answer whose beginning was sent."""
        rest = Reads(self._pool)
        rest._slots, rest._within_s = self._slots, None
        return rest

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[ReadConnection]:
        """A connection of the share.

        Raises:
            TimeoutError: none was free in time.
            OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database is away.
        """
        async with AsyncExitStack() as held:
            yield await self._turn(held)

    async def _turn(self, held: AsyncExitStack) -> ReadConnection:
        if self._waiting >= MOST_WAITING:
            raise ReadsBusy
        self._waiting += 1
        try:
            async with asyncio.timeout(self._within_s):
                await held.enter_async_context(self._slots)
                connection: ReadConnection = await held.enter_async_context(self._pool.acquire())
                return connection
        finally:
            self._waiting -= 1

    async def fetch(self, query: str, *arguments: Any) -> list[asyncpg.Record]:
        """The rows of a query; raises as :meth:`acquire`."""
        async with self.acquire() as connection:
            return await connection.fetch(query, *arguments)

    async def fetchrow(self, query: str, *arguments: Any) -> asyncpg.Record | None:
        """The first row of a query; raises as :meth:`acquire`."""
        async with self.acquire() as connection:
            row: asyncpg.Record | None = await connection.fetchrow(query, *arguments)
            return row

    async def fetchval(self, query: str, *arguments: Any) -> Any:
        """The first value of a query; raises as :meth:`acquire`."""
        async with self.acquire() as connection:
            return await connection.fetchval(query, *arguments)
