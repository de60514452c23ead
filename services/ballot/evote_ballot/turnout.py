"""Live turnout: one query a second for each election, however many people watch."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import datetime, timedelta

from evote_platform.clock import Clock
from evote_platform.reads import Reads

from . import store
from .store import Turnout

_FRESH_FOR = timedelta(seconds=1)


@dataclass(frozen=True)
class TurnoutAsOf:
    """Counts, and when they were taken."""

    turnout: Turnout
    as_of: datetime


class TurnoutFeed:
    """Counts of elections, at most a second old, shared by all who ask."""

    def __init__(self, reads: Reads, clock: Clock) -> None:
        self._reads = reads
        self._clock = clock
        self._latest: dict[str, TurnoutAsOf] = {}
        self._looking: dict[str, asyncio.Task[TurnoutAsOf]] = {}

    async def current(self, election_uuid: str) -> TurnoutAsOf:
        """The counts; raises ``UnknownElection``, and what reads raise while the database is away."""
        latest = self._latest.get(election_uuid)
        # A clock that was put back must not make old counts the newest until it has caught up.
        if latest is not None and timedelta(0) <= self._clock() - latest.as_of < _FRESH_FOR:
            return latest
        looking = self._looking.get(election_uuid)
        if looking is None:
            looking = self._looking[election_uuid] = asyncio.create_task(self._look(election_uuid))
            looking.add_done_callback(lambda _: self._looking.pop(election_uuid))
        # Shielded: who goes away must not take the answer from the others.
        return await asyncio.shield(looking)

    async def _look(self, election_uuid: str) -> TurnoutAsOf:
        async with self._reads.acquire() as connection:
            await store.load_election(connection, election_uuid)
            counts = await store.turnout(connection, election_uuid)
        latest = self._latest[election_uuid] = TurnoutAsOf(counts, self._clock())
        return latest
