"""The door of work that costs much: so many are worked on at once, and who would wait too long is told at once.

A replica that took on all that comes would answer everybody too late, and those who gave up would come again on top.
Time counts from a request's arrival at this machine (:mod:`.arrival`), and to the end of its work. Where others work
for a request, who has it steps aside (:meth:`Turn.aside`): nobody waits behind those for whom nothing is done here.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
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
LAST_COMING_S: Final = _LAST_RETRY_S + _SPREAD_S
"""The longest time after which anybody is told to come again, in seconds."""


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

    def next_s(self, between_s: float, within_s: float = LAST_COMING_S) -> float:
        """In how many seconds the next one should come, where one is served every ``between_s`` seconds.

        Args:
            within_s: by when at the latest, in seconds, for who brings what is void soon.
        """
        now = self._monotonic()
        self._last = min(max(self._last, now + _FIRST_RETRY_S) + between_s, now + _LAST_RETRY_S)
        wait_s = self._last - now + self._uniform(0, _SPREAD_S)
        return wait_s if wait_s <= within_s else self._uniform(_FIRST_RETRY_S, within_s)


class Turn:
    """One's turn at a door, which :meth:`Door.turn` gives."""

    def __init__(self, give_up: Callable[[], None], take_again: Callable[[], Awaitable[None]]) -> None:
        """What the door does about it."""
        self._give_up = give_up
        self._take_again = take_again
        self.held = True
        """Whether it counts among those that are worked on now."""

    @asynccontextmanager
    async def aside(self) -> AsyncIterator[None]:
        """Give the turn to others while the block waits for something that is not ours, and take one again behind it.

        Whoever was let in is turned away no more, however long it takes.
        """
        self._give_up()
        self.held = False
        try:
            yield
        except asyncio.CancelledError:
            raise  # who leaves needs no turn for it
        except BaseException:
            await self._come_back()
            raise
        await self._come_back()

    async def _come_back(self) -> None:
        await self._take_again()
        self.held = True


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

    def require_room(self, arrived: float, again_within_s: float = LAST_COMING_S) -> None:
        """Raise ``overloaded`` when the work of who ``arrived`` then would not be done in time.

        Args:
            again_within_s: by when at the latest they are told to come again, in seconds.
        """
        here = self._inside + len(self._arrivals)
        if here < self._few:
            return
        now, first = self._monotonic(), next(iter(self._arrivals.values()), arrived)
        work_s = (here + 1) * (self._between_s or 0.0)
        if now - min(first, arrived) > self._longest_s or now - arrived + work_s > self._longest_s:
            raise self._overloaded(again_within_s)

    @asynccontextmanager
    async def turn(self, arrived: float, again_within_s: float = LAST_COMING_S) -> AsyncIterator[Turn]:
        """Wait for a turn and hold it while the block runs; raises ``overloaded`` when it would not come in time."""
        self.require_room(arrived, again_within_s)  # many may have passed the door together, and brought bodies since
        if self._turns.locked():
            try:
                async with asyncio.timeout(self._longest_s - (self._monotonic() - arrived)):
                    await self._wait(arrived)
            except TimeoutError:
                raise self._overloaded(again_within_s) from None
        else:
            await self._turns.acquire()  # at once
        self._inside += 1
        turn = Turn(self._give_up, self._take_again)
        try:
            yield turn
        finally:
            self._note_end()
            if turn.held:
                self._give_up()

    def _give_up(self) -> None:
        self._inside -= 1
        self._turns.release()

    async def _take_again(self) -> None:
        await self._wait(self._monotonic())
        self._inside += 1

    async def _wait(self, since: float) -> None:
        waiter = object()
        self._arrivals[waiter] = since
        try:
            await self._turns.acquire()
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

    def _overloaded(self, again_within_s: float) -> Problem:
        return Problem(OVERLOADED, retry_after_s=self._appointments.next_s(self._between_s or 0.0, again_within_s))
