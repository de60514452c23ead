"""Turnout: each query once in a while for each election, however many people watch."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Generic, TypeVar

import structlog
from evote_platform.clock import Clock
from evote_platform.outages import is_outage
from evote_platform.reads import Reads

from . import store
from .metrics import TurnoutMetrics

LIVE: Final = timedelta(seconds=1)
SETTLED: Final = timedelta(minutes=1)
"""For what looks at every ballot."""
_SHOWN_AGAIN_S: Final = 15.0
"""After it couldn't be counted."""
Counts = TypeVar("Counts")
_log = structlog.get_logger(__name__)


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


class ShownTurnout:
    """Shows operators what is public: the counts of the elections that are open, together."""

    def __init__(self, feed: Feed[store.Turnout], reads: Reads, metrics: TurnoutMetrics, clock: Clock) -> None:
        self._feed = feed
        self._reads = reads
        self._metrics = metrics
        self._clock = clock

    async def run(self) -> None:
        """Count once a minute, for ever; nothing is shown while the database is away."""
        while True:
            pause_s = SETTLED.total_seconds()
            try:
                await self._show()
            except Exception as error:
                self._metrics.unknown()
                if not is_outage(error):
                    raise
                _log.warning("turnout-not-counted", error=type(error).__name__)
                pause_s = _SHOWN_AGAIN_S
            await asyncio.sleep(pause_s)

    async def _show(self) -> None:
        async with self._reads.acquire() as connection:
            open_now = await store.open_elections(connection, self._clock())
        counts = [(await self._feed.current(election_uuid)).counts for election_uuid in open_now]
        self._metrics.listed.set(sum(count.roll_size for count in counts))
        self._metrics.voters.set(sum(count.voters for count in counts))
        self._metrics.ballots.set(sum(count.accepted for count in counts))
