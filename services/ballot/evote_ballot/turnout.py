"""Turnout: each query once in a while for each election, however many people watch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

from evote_platform.clock import Clock
from evote_platform.reads import Reads

from . import store

LIVE: Final = timedelta(seconds=1)
SETTLED: Final = timedelta(minutes=1)
"""For what looks at every ballot."""
Counts = TypeVar("Counts")


@dataclass(frozen=True)
class AsOf(Generic[Counts]):
    """Counts, and when they were taken."""

    counts: Counts
    as_of: datetime


class Feed(Generic[Counts]):
    """Counts of elections, shared by all who ask while they are fresh."""

    def __init__(
        self,
        look: Callable[[store.Connection, str], Awaitable[Counts]],
        fresh_for: timedelta,
        reads: Reads,
        clock: Clock,
    ) -> None:
        self._count = look
        self._fresh_for = fresh_for
        self._reads = reads
        self._clock = clock
        self._latest: dict[str, AsOf[Counts]] = {}
        self._looking: dict[str, asyncio.Task[AsOf[Counts]]] = {}

    async def current(self, election_uuid: str) -> AsOf[Counts]:
        """The counts; raises ``UnknownElection``, and what reads raise while the database is away."""
        latest = self._latest.get(election_uuid)
        # A clock that was put back must not make old counts the newest until it has caught up.
        if latest is not None and timedelta(0) <= self._clock() - latest.as_of < self._fresh_for:
            return latest
        looking = self._looking.get(election_uuid)
        if looking is None:
            looking = self._looking[election_uuid] = asyncio.create_task(self._look(election_uuid))
            looking.add_done_callback(lambda _: self._looking.pop(election_uuid))
        # Shielded: who goes away must not take the answer from the others.
        return await asyncio.shield(looking)

    async def _look(self, election_uuid: str) -> AsOf[Counts]:
        async with self._reads.acquire() as connection:
            await store.load_election(connection, election_uuid)
            counts = await self._count(connection, election_uuid)
        latest = self._latest[election_uuid] = AsOf(counts, self._clock())
        return latest
