"""The door of work that costs much: so many are worked on at once, and who would wait too long is told at once.

A replica that took on all that comes would answer everybody too late, and those who gave up would come again on top.
Time counts from a request's arrival at this machine (:mod:`.arrival`), and to the end of its work.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from .problems import OVERLOADED, Problem

AT_ONCE: Final = 32
"""How many are worked on at once. More would not be quicker: each needs a processor for most of what it takes."""
LONGEST_S: Final = 1.0
"""How long one may be expected to take from the arrival to the end of the work, in seconds, and how long one may wait
for a turn. It is a guess by the pace of others: the work itself stays below two."""
_WEIGHT: Final = 1 / 8
_FIRST_RETRY_S: Final = 2.0
_LAST_RETRY_S: Final = 30.0
_SPREAD_S: Final = 4.0


class Appointments:
    """Tells those who are turned away when to come again: no more of them a second than can be served.

    Told all the same, those of a minute would come again within seconds, on top of whoever comes then.
    """

    def __init__(
        self, monotonic: Callable[[], float] = time.monotonic, uniform: Callable[[float, float], float] = random.uniform
    ) -> None:
        """``monotonic`` answers in seconds; ``uniform`` spreads those who come again."""
        self._monotonic = monotonic
        self._uniform = uniform
        self._last = 0.0
        """The moment of the last appointment."""

    def next_s(self, between_s: float) -> float:
        """In how many seconds the next one should come, where one is served every ``between_s`` seconds."""
        now = self._monotonic()
        self._last = min(max(self._last, now + _FIRST_RETRY_S) + between_s, now + _LAST_RETRY_S)
        return self._last - now + self._uniform(0, _SPREAD_S)


class Door:
    """Turns in the order of coming, for as long as nobody takes long."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        longest_s: float = LONGEST_S,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """``monotonic`` answers in seconds, as that of :func:`.arrived`; ``uniform`` spreads those who come again."""
        self._turns = asyncio.Semaphore(at_once)
        # So many are always taken on. Where each waits for something that no queue of ours slows down (a disk, another
        # service), fewer at once would be served more slowly, and fewer still be taken on the next time.
        self._few = max(1, at_once // 2)
        self._longest_s = longest_s
        self._monotonic = monotonic
        self._appointments = Appointments(monotonic, uniform)
        self._arrivals: dict[object, float] = {}
        """When each arrived who waits; the first has waited for longest."""
        self._inside = 0
        self._between_s: float | None = None
        """From one end to the next while at least a few are here, smoothed."""
        self._last_end: float | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._arrivals)

    @property
    def inside(self) -> int:
        """How many are worked on."""
        return self._inside

    def require_room(self, arrived: float) -> None:
        """Raise ``overloaded`` when the work of who ``arrived`` then would not be done in time."""
        here = self._inside + len(self._arrivals)
        if here < self._few:
            return
        now, first = self._monotonic(), next(iter(self._arrivals.values()), arrived)
        work_s = (here + 1) * (self._between_s or 0.0)
        if now - min(first, arrived) > self._longest_s or now - arrived + work_s > self._longest_s:
            raise self._overloaded()

    @asynccontextmanager
    async def turn(self, arrived: float) -> AsyncIterator[None]:
        """Wait for a turn and hold it while the block runs; raises ``overloaded`` when it does not come in time."""
        self.require_room(arrived)  # many may have passed the door together, and brought their bodies since
        if self._turns.locked():
            await self._wait(arrived)
        else:
            await self._turns.acquire()  # at once
        self._inside += 1
        try:
            yield
        finally:
            self._note_end()
            self._inside -= 1
            self._turns.release()

    async def _wait(self, arrived: float) -> None:
        waiter = object()
        self._arrivals[waiter] = arrived
        try:
            async with asyncio.timeout(self._longest_s - (self._monotonic() - arrived)):
                await self._turns.acquire()
        except TimeoutError:
            raise self._overloaded() from None
        finally:
            del self._arrivals[waiter]

    def _note_end(self) -> None:
        # As many as are always taken on are enough: who were refused for a pace could else never show another one.
        now, busy = self._monotonic(), self._inside + len(self._arrivals) >= self._few
        if not busy:
            self._between_s = None
        elif self._last_end is not None:
            between_s = now - self._last_end
            before_s = between_s if self._between_s is None else self._between_s
            self._between_s = before_s + (between_s - before_s) * _WEIGHT
        self._last_end = now if busy else None  # an idle door says nothing about the pace

    def _overloaded(self) -> Problem:
        return Problem(OVERLOADED, retry_after_s=self._appointments.next_s(self._between_s or 0.0))
