"""The street that the crowd comes along: Locust's user, and the bridge from the voters' event loop to its greenlets."""

from __future__ import annotations

import asyncio
import os
import queue
import threading
import time
from collections.abc import Coroutine, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, field
from multiprocessing import get_context
from typing import Any, Protocol

import gevent
from evote_local.people.target import POLLS_OPEN, Target
from evote_local.people.voters import Voter
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import stats_history

from .crowd import Kept, Sample, gather

_DRAIN_S = 0.05


@dataclass(frozen=True)
class Plan:
    """When who comes, in seconds from the start; planned before it."""

    visits: Sequence[float]
    junk: Sequence[float]


@dataclass
class Outcome:
    """What a run leaves behind, beside the figures that Locust keeps."""

    kept: Sequence[Kept] = ()
    missing: Sequence[Kept] = ()
    unavailable: int = 0
    """How often a voter was told 503 or got no answer, and tried again."""
    latest_s: float = 0
    """By how much the latest arrival came later than planned, in seconds."""
    seconds: float = 0
    """From the start to the end of the last visit."""
    faults: list[str] = field(default_factory=list)
    """What went wrong otherwise than as an answer to one voter."""


class Comers(Protocol):
    """Who comes: a :class:`~evote_loadtests.crowd.Crowd`."""

    def visit(self, number: int, planned: float, /) -> Coroutine[Any, Any, None]: ...

    def junk(self) -> Coroutine[Any, Any, None]: ...


class Street(User):
    """One user, who sends everybody in at the planned moments and never waits for an answer."""

    abstract = True
    plan: Plan
    target: Target
    voters: Sequence[Voter]
    beforehand: bool
    outcome: Outcome

    @task
    def run_day(self) -> None:
        """All visits of the plan; then the user stops."""
        samples: queue.SimpleQueue[Sample] = queue.SimpleQueue()
        day = threading.Thread(target=self._live, args=(samples,), name="voters", daemon=True)
        day.start()
        while day.is_alive() or not samples.empty():
            while not samples.empty():
                self._fire(samples.get())
            gevent.sleep(_DRAIN_S)
        raise StopUser

    def _fire(self, sample: Sample) -> None:
        self.environment.events.request.fire(
            request_type="",
            name=sample.name,
            response_time=sample.seconds * 1000,
            response_length=0,
            exception=sample.fault,
            context={},
        )

    def _live(self, samples: queue.SimpleQueue[Sample]) -> None:
        """In a thread of its own: asyncio, which the voters are written for."""
        try:
            asyncio.run(self._day(samples))
        except Exception as error:  # a thread's end is silent otherwise
            self.outcome.faults.append(f"{type(error).__name__}: {error}")

    async def _day(self, samples: queue.SimpleQueue[Sample]) -> None:
        outcome = self.outcome
        with ProcessPoolExecutor(max(1, len(os.sched_getaffinity(0)) // 2), get_context("spawn")) as devices:
            crowd = await gather(self.target, self.voters, devices, samples.put)
            if self.beforehand:
                await crowd.prepare()
            print(POLLS_OPEN, flush=True)
            started = time.perf_counter()
            outcome.latest_s = await come(self.plan, crowd)
            outcome.seconds = time.perf_counter() - started
            outcome.kept, outcome.unavailable = crowd.kept, crowd.polls.measured.unavailable
            outcome.missing = await crowd.missing()


async def come(plan: Plan, crowd: Comers) -> float:
    """Let everybody in at the planned moment, and wait for their ends; by how much the latest came late, in seconds."""
    started, latest_s = time.perf_counter(), 0.0
    async with asyncio.TaskGroup() as street:
        for moment, number in _in_order(plan):
            due = started + moment
            await asyncio.sleep(max(0.0, due - time.perf_counter()))
            latest_s = max(latest_s, time.perf_counter() - due)
            street.create_task(crowd.junk() if number is None else crowd.visit(number, due))
    return latest_s


def _in_order(plan: Plan) -> list[tuple[float, int | None]]:
    """Each arrival with the number of the visit; None: junk."""
    visits: list[tuple[float, int | None]] = [(moment, number) for number, moment in enumerate(plan.visits)]
    return sorted([*visits, *((moment, None) for moment in plan.junk)], key=lambda arrival: arrival[0])


def let_in(environment: Environment) -> None:
    """Run the street of ``environment`` to its end; Locust keeps the history of its figures meanwhile."""
    runner = environment.create_local_runner()
    history = gevent.spawn(stats_history, runner)
    runner.start(1, spawn_rate=1)
    gevent.joinall([runner.spawning_greenlet])
    runner.user_greenlets.join()
    history.kill()
    runner.quit()
