"""Commands: load the state under the election's lock, decide, publish, wait until it is projected.

The order matters. The lock is held until the own projection has applied what was published, so the
next command on whatever replica sees it. When a database connection dies in between, the lock is
lost early and a second replica may publish the same decision: the projection keeps the first one
(``domain.facts``), and the second look at the end of a command notices when another one won.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import asyncpg
from evote_eventlog.events import ElectionEventData
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import RecordPosition
from evote_platform.tracing import announced, span

from . import store
from .domain.election import Election

PROJECTED_WITHIN_S = 10.0
LOCKED_WITHIN_MS = 5000
COMMANDS_AT_ONCE = 4
"""Commands hold a database connection while they wait for the projection, which needs one itself."""

Decide = Callable[[Election, store.Connection], Awaitable[Sequence[ElectionEventData]]]


class ProjectionBehind(Exception):
    """An event is durable and the projection didn't apply it in time; the command may be repeated."""


class ElectionBusy(Exception):
    """Another command holds the election's lock; the command may be repeated."""


@dataclass
class CommandHandler:
    """Executes commands on elections; any number of replicas may do so at once."""

    pool: asyncpg.Pool
    producer: EventProducer
    _slots: asyncio.Semaphore = field(default_factory=lambda: asyncio.Semaphore(COMMANDS_AT_ONCE))

    async def execute(self, election_uuid: str, decide: Decide) -> Election:
        """Carry out what ``decide`` answers and return the state after it.

        ``decide`` gives the events to publish, none when the state already is as commanded, and
        raises a ``Refusal`` to refuse.

        Raises:
            Refusal: what ``decide`` raised; nothing was published.
            LogUnavailable, ProjectionBehind, ElectionBusy: to be repeated later.
        """
        async with self._slots, self.pool.acquire() as connection, connection.transaction():
            await self._lock(connection, election_uuid)
            election = await store.load_election(connection, election_uuid)
            events = await decide(election, connection)
            if not events:
                return election
            await self._publish(connection, events)
            election = await store.load_election(connection, election_uuid)
            if await decide(election, connection):
                raise ProjectionBehind
            return election

    async def create(self, event: ElectionEventData) -> None:
        """Publish the first event of a new election."""
        async with self._slots, self.pool.acquire() as connection:
            await self._publish(connection, [event])

    @asynccontextmanager
    async def alone(self, election_uuid: str) -> AsyncIterator[store.Connection | None]:
        """Hold the election's lock for long work, or give None when another replica holds it."""
        async with self._slots, self.pool.acquire() as connection, connection.transaction():
            held = await connection.fetchval(
                "SELECT pg_try_advisory_xact_lock(hashtextextended($1, 0))", _lock_name(election_uuid)
            )
            yield connection if held else None

    async def publish_alone(self, connection: store.Connection, events: Sequence[ElectionEventData]) -> None:
        """Publish under the lock that ``alone`` holds."""
        await self._publish(connection, events)

    async def _lock(self, connection: store.Connection, election_uuid: str) -> None:
        await connection.execute(f"SET LOCAL lock_timeout = {LOCKED_WITHIN_MS}")
        try:
            await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", _lock_name(election_uuid))
        except asyncpg.LockNotAvailableError as error:
            raise ElectionBusy from error

    async def _publish(self, connection: store.Connection, events: Sequence[ElectionEventData]) -> None:
        for event in events:
            # A crash behind this leaves a durable decision and an officer without an answer: the command, repeated,
            # finds it done.
            began_ns = time.time_ns()
            record = await self.producer.publish(event)
            announced(record.envelope.id, event.topic.value, began_ns)
            with span("await own projection", {}):
                await self._wait_until_projected(connection, record.position)

    async def _wait_until_projected(self, connection: store.Connection, position: RecordPosition) -> None:
        try:
            async with asyncio.timeout(PROJECTED_WITHIN_S):
                # Whichever replica projects the partition: only the database knows.
                while not await store.is_projected(connection, position):  # noqa: ASYNC110
                    await asyncio.sleep(0.02)
        except TimeoutError as error:
            raise ProjectionBehind from error


def _lock_name(election_uuid: str) -> str:
    return f"evote-tally:{election_uuid}"
