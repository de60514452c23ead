"""The door of the intake: so many casts are worked on at once, and who would wait too long for a turn is told at once.

A replica that took on all that comes would answer everybody too late, and those who gave up would come again on top.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final

from .domain.refusals import Overloaded

AT_ONCE: Final = 32
"""How many casts are worked on at once. More would not be quicker: each needs a processor for most of what it takes."""
LONGEST_WAIT_S: Final = 1.0
"""How long a cast may wait for its turn, in seconds; with the work itself it stays below two, of which the queue's
measure is a guess."""
_FIRST_RETRY_S, _LAST_RETRY_S = 2.0, 6.0
_WEIGHT = 1 / 8


class Door:
    """Turns in the order of arrival, for as long as the wait is short."""

    def __init__(
        self,
        at_once: int = AT_ONCE,
        longest_wait_s: float = LONGEST_WAIT_S,
        monotonic: Callable[[], float] = time.monotonic,
        uniform: Callable[[float, float], float] = random.uniform,
    ) -> None:
        """``monotonic`` answers in seconds; ``uniform`` spreads those who come again."""
        self._turns = asyncio.Semaphore(at_once)
        self._longest_wait_s = longest_wait_s
        self._monotonic = monotonic
        self._uniform = uniform
        self._since: dict[object, float] = {}
        """Since when each waits; the first has waited for longest."""
        self._between_s: float | None = None
        """From one end to the next while somebody waits, smoothed."""
        self._last_end: float | None = None

    @property
    def waiting(self) -> int:
        """How many wait for their turn."""
        return len(self._since)

    def require_room(self) -> None:
        """Raise ``Overloaded`` when a turn would not come in time."""
        if self._expected_s() > self._longest_wait_s:
            raise self._overloaded()

    @asynccontextmanager
    async def turn(self) -> AsyncIterator[None]:
        """Wait for a turn and hold it while the block runs; raises ``Overloaded`` when it does not come in time."""
        self.require_room()  # many may have passed the door together, and brought their bodies since
        if self._turns.locked():
            await self._wait()
        else:
            await self._turns.acquire()  # at once
        try:
            yield
        finally:
            self._turns.release()
            self._note_end()

    async def _wait(self) -> None:
        waiter = object()
        self._since[waiter] = self._monotonic()
        try:
            async with asyncio.timeout(self._longest_wait_s):
                await self._turns.acquire()
        except TimeoutError:
            raise self._overloaded() from None
        finally:
            del self._since[waiter]

    def _expected_s(self) -> float:
        """How long one who comes now would wait: at least as long as the first has waited, who is still there."""
        if not self._since:
            return 0.0
        first = next(iter(self._since.values()))
        return max(self._monotonic() - first, len(self._since) * (self._between_s or 0.0))

    def _note_end(self) -> None:
        now = self._monotonic()
        if self._since and self._last_end is not None:
            between_s = now - self._last_end
            before_s = between_s if self._between_s is None else self._between_s
            self._between_s = before_s + (between_s - before_s) * _WEIGHT
        self._last_end = now if self._since else None  # an idle door says nothing about the pace

    def _overloaded(self) -> Overloaded:
        return Overloaded(self._uniform(_FIRST_RETRY_S, _LAST_RETRY_S))
