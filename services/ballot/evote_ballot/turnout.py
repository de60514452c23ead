"""Live turnout: one query a second for each election, however many people watch."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta

import asyncpg
from evote_platform.clock import Clock

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

    def __init__(self, pool: asyncpg.Pool, clock: Clock) -> None:
        self._pool = pool
        self._clock = clock
        self._latest: dict[str, TurnoutAsOf] = {}
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    async def current(self, election_uuid: str) -> TurnoutAsOf:
        """The counts; raises ``UnknownElection``."""
        async with self._pool.acquire() as connection:
            await store.load_election(connection, election_uuid)
        async with self._locks[election_uuid]:
            latest = self._latest.get(election_uuid)
            if latest is None or self._clock() - latest.as_of >= _FRESH_FOR:
                async with self._pool.acquire() as connection:
                    counts = await store.turnout(connection, election_uuid)
                latest = self._latest[election_uuid] = TurnoutAsOf(counts, self._clock())
            return latest
