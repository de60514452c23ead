"""One client process: its share of the people, in an event loop of its own.

It says when it is ready, hears when the polls open, and tells what it sees as it sees it.
"""

from __future__ import annotations

import asyncio
import ctypes
import math
import os
import signal
import time
from collections import Counter
from collections.abc import Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from multiprocessing import get_context
from multiprocessing.connection import Connection
from pathlib import Path
from random import Random
from typing import Any

from evote_local.people.target import Letters, Target, face_way, read_credentials, read_letters, read_target, voters_of
from evote_local.people.voters import Posted, Refusal, Voter

from .arrivals import Plan
from .crowd import Comers, Crowd, Kept, Sample, open_polls
from .flood import Flood
from .rush import Rush, open_session, seal

_TELL_EVERY_S = 0.2
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(frozen=True)
class Ready:
    """Everything is prepared: the polls may open."""


@dataclass
class Outcome:
    """What is left of a run, beside the samples."""

    started: float = 0
    """The moment of ``time.perf_counter`` from which the plan counts; 0: the polls never opened."""
    kept: Sequence[Kept] = ()
    missing: Sequence[Kept] = ()
    refusals: Sequence[Refusal] = ()
    latest_s: float = 0
    """By how much the latest arrival came later than planned, in seconds."""
    seconds: float = 0
    """From the start to the end of the last visit."""
    faults: list[str] = field(default_factory=list)
    """What went wrong otherwise than as an answer to one voter."""
    faces_refused: Mapping[str, int] = field(default_factory=dict)
    """Bursts of pictures, by biometric's reasons."""
    posted: Sequence[Posted] = ()
    """Every ballot that was sent, with a receipt or without."""
    idle_from_s: float = 0
    idle_until_s: float = math.inf
    """The time, from the start, in which nobody came any more and no receipt was looked for either."""

    def add(self, other: Outcome) -> None:
        """Another client's."""
        self.kept = [*self.kept, *other.kept]
        self.missing = [*self.missing, *other.missing]
        self.posted = [*self.posted, *other.posted]
        self.refusals = [*self.refusals, *other.refusals]
        self.faces_refused = Counter(self.faces_refused) + Counter(other.faces_refused)
        self.latest_s = max(self.latest_s, other.latest_s)
        self.seconds = max(self.seconds, other.seconds)
        self.idle_from_s = max(self.idle_from_s, other.idle_from_s)
        self.idle_until_s = min(self.idle_until_s, other.idle_until_s)
        self.faults += other.faults


@dataclass(frozen=True)
class Share:
    """What one client process has to do."""

    folder: Path
    """Of the target."""
    plan: Plan
    beforehand: bool
    """Credentials and first ballots are had before the polls open."""
    rush: bool
    """One try each, and no visit besides (:mod:`~evote_loadtests.rush`)."""
    clients: int
    """How many there are of this kind: they share the processors."""


def live(share: Share, pipe: Connection) -> None:
    """The process, from its start to its end."""
    _end_with_parent()
    try:
        outcome = asyncio.run(_day(share, pipe))
    except Exception as error:  # a process's end is silent otherwise
        outcome = Outcome(faults=[f"{type(error).__name__}: {error}"])
    pipe.send(outcome)
    pipe.close()


async def _day(share: Share, pipe: Connection) -> Outcome:
    target, cards = read_target(share.folder)
    letters = read_letters(share.folder)
    random = Random()  # noqa: S311 - simulated people, no secrets
    samples: list[Sample] = []
    async with AsyncExitStack() as day:
        devices = day.enter_context(_devices(share.clients))
        voters = voters_of(target, cards, letters)
        comers = await _gather(share, target, voters, letters, devices, samples, day)
        pipe.send(Ready())
        started: float = await asyncio.to_thread(pipe.recv)
        teller = asyncio.create_task(_tell(samples, pipe))
        flood = Flood(target, comers.polls, voters, random, samples.append)
        outcome = Outcome(latest_s=await come(share.plan, comers.visit, flood.throw, started))
        outcome.seconds = time.perf_counter() - started
        await asyncio.sleep(share.plan.settles_s)
        outcome.idle_from_s = time.perf_counter() - started
        await asyncio.sleep(share.plan.idle_s)
        outcome.idle_until_s = time.perf_counter() - started
        outcome.missing = await comers.missing()
        outcome.kept, outcome.posted = comers.kept, comers.polls.posted
        outcome.refusals = comers.polls.measured.refusals
        outcome.faces_refused = comers.polls.measured.faces_refused
        teller.cancel()
        pipe.send(samples)
        return outcome


async def _gather(
    share: Share,
    target: Target,
    voters: Sequence[Voter],
    letters: Letters | None,
    devices: Executor,
    samples: list[Sample],
    day: AsyncExitStack,
) -> Comers:
    random = Random()  # noqa: S311 - simulated people, no secrets
    face = None if letters is None else face_way(share.folder, target, letters)
    polls = await open_polls(target, devices, random, face)
    if not share.rush:
        crowd = Crowd(target, polls, voters, random, samples.append)
        if share.beforehand:
            await crowd.prepare(sorted({number % len(voters) for number in share.plan.visits}))
        return crowd
    credentials = read_credentials(share.folder)
    mine = {n: credentials[n - len(voters)] for n in share.plan.visits if n >= len(voters)}
    session = await day.enter_async_context(open_session())
    return Rush(polls, voters, await seal(polls, target, mine, devices, random), session, samples.append)


def _devices(clients: int) -> ProcessPoolExecutor:
    """The voters' own processors: half of those that there are."""
    processors = max(1, len(os.sched_getaffinity(0)) // 2 // clients)
    return ProcessPoolExecutor(processors, get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """Whoever ends the run by force leaves no process behind: the kernel ends this one with the one that began it."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


async def _tell(samples: list[Sample], pipe: Connection) -> None:
    while True:
        await asyncio.sleep(_TELL_EVERY_S)
        if samples:
            told = samples.copy()
            samples.clear()
            pipe.send(told)


async def come(
    plan: Plan,
    visit: Callable[[int, float], Coroutine[Any, Any, None]],
    junk: Callable[[], Coroutine[Any, Any, None]],
    started: float,
) -> float:
    """Let everybody in at the planned moment, and wait for their ends; by how much the latest came late, in seconds.

    ``started`` is the moment of ``time.perf_counter`` from which the plan counts.
    """
    latest_s = 0.0
    async with asyncio.TaskGroup() as street:
        for moment, number in plan.in_order():
            due = started + moment
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            latest_s = max(latest_s, time.perf_counter() - due)
            street.create_task(junk() if number is None else visit(number, due))
        # The run lasts as long as its phases, also where nobody comes in the last of them.
        ends = max((phase.begins_s + phase.seconds + phase.settles_s for phase in plan.phases), default=0)
        await asyncio.sleep(max(0.0, started + ends - time.perf_counter()))
    return latest_s
