"""How long accepted ballots wait for the log, by ballot's own tables: nothing of the sequencer has a part in it.

A sequencer that came to nothing has nothing to tell, so it can't be who is asked (ADR 56).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from datetime import timedelta
from itertools import islice
from math import ceil
from time import monotonic
from typing import Final

import structlog
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import Topic
from evote_eventlog.offsets import stored_offsets
from evote_eventlog.record import LogPartition
from evote_platform.clock import Clock, parse_rfc3339
from evote_platform.outages import is_outage
from evote_platform.reads import Reads

from . import store
from .metrics import LoggedMetrics
from .projection import BallotProjection
from .store import Place

LATE_S: Final = 5.0
"""From then on a ballot counts as late, whenever it comes into the log, or never."""
_LOOK_EVERY_S: Final = 1.0
_ASKED_AT_ONCE: Final = 5000
_TOLD_TO: Final = timedelta(minutes=1)
"""An event tells the minute in which its ballot was accepted."""
_SHOWN_S: Final = 15
"""What is shown changes only at multiples of this: which second a ballot came in, the log doesn't tell either."""

_log = structlog.get_logger(__name__)


class Waiting:
    """Which ballots wait for the log, and since when, in seconds of a clock that is never put back."""

    def __init__(self, metrics: LoggedMetrics) -> None:
        self._metrics = metrics
        self._fresh: dict[Place, float] = {}
        self._late: dict[Place, float] = {}

    def come(self, place: Place, since: float) -> None:
        """This ballot waits, and has since then at least."""
        self._fresh[place] = since

    def found_late(self, place: Place, since: float) -> None:
        """As :meth:`come`, of one that whoever looked before has counted."""
        self._late[place] = since

    @property
    def asked(self) -> list[Place]:
        """Of which to ask whether they are in the log by now: of those that are late, the first."""
        return [*self._fresh, *islice(self._late, _ASKED_AT_ONCE)]

    def logged(self, places: Iterable[Place], now: float) -> None:
        """These are in the log."""
        for place in places:
            if (since := self._fresh.pop(place, None)) is not None:
                self._metrics.delay.observe(now - since)
            self._late.pop(place, None)

    def show(self, now: float) -> None:
        """Count who became late, once, and show how long the oldest has waited, up to two steps less."""
        for place, since in list(self._fresh.items()):
            if now - since > LATE_S:
                self._metrics.delay.observe(now - since)
                self._late[place] = self._fresh.pop(place)
        oldest = min(self._late.values(), default=now)
        self._metrics.oldest.set(max(0, now // _SHOWN_S - ceil(oldest / _SHOWN_S)) * _SHOWN_S)


class UnloggedWatch:
    """Looks at the tables once a second."""

    def __init__(
        self,
        reads: Reads,
        metrics: LoggedMetrics,
        clock: Clock,
        ends: Callable[[], Awaitable[Mapping[LogPartition, int]]],
    ) -> None:
        """``ends`` says where the log ends that the tables are made of; it raises ``LogUnavailable``."""
        self._reads = reads
        self._metrics = metrics
        self._clock = clock
        self._ends = ends
        self._told: Mapping[LogPartition, int] | None = None
        """Where the log ended at the look before, while nothing is known of what waits."""
        self._waiting: Waiting | None = None
        self._seen: dict[int, int] = {}
        """Of each partition, the offset before which every ballot was looked at."""

    async def run(self) -> None:
        """Look for ever; nothing is shown while the tables can't be read, or don't show the log."""
        while True:
            try:
                await self.look()
            except Exception as error:
                self._metrics.unknown()
                if not is_outage(error):
                    raise
                _log.warning("unlogged-not-known", error=type(error).__name__)
            await asyncio.sleep(_LOOK_EVERY_S)

    async def look(self) -> None:
        """Look once; raises what reads raise while the database is away."""
        told = None
        if self._waiting is None:
            told, self._told = self._told, None
            try:
                self._told = await self._ends()
            except LogUnavailable:
                return
        # Of one moment: a replay may put other tables in their place between two statements.
        async with self._reads.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            stored = await stored_offsets(connection, BallotProjection.name)  # type: ignore[arg-type]
            projected = {place.partition: end for place, end in stored.items() if place.topic is Topic.BALLOTS}
            if self._waiting is not None and any(projected.get(part, 0) < seen for part, seen in self._seen.items()):
                self._forget()  # the tables are made again
                return
            first = self._waiting is None
            # All that the log had a second ago: tables that are behind show ballots before they show them logged, and
            # those would seem to have waited since they were accepted.
            if first and (told is None or any(stored.get(place, 0) < end for place, end in told.items())):
                return
            waiting = self._waiting = self._waiting or Waiting(self._metrics)
            logged = await store.logged_of(connection, waiting.asked)
            new = await store.ballots_between(connection, self._seen, projected, unlogged_only=first)
        now, at = monotonic(), self._clock()
        waiting.logged(logged, now)
        for ballot in new:
            known = (at - parse_rfc3339(ballot.accepted_at) - _TOLD_TO).total_seconds()
            since = now - max(0.0, known)
            if first and now - since > LATE_S:
                waiting.found_late(ballot.place, since)
            else:
                waiting.come(ballot.place, since)
        waiting.logged([ballot.place for ballot in new if ballot.is_logged], now)
        self._seen = projected
        waiting.show(now)

    def _forget(self) -> None:
        self._waiting = self._told = None
        self._seen = {}
        self._metrics.unknown()
