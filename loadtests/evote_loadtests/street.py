"""The street that the crowd comes along: Locust's user, who lets client processes send the people in.

Each client process has its share of one plan. Locust's own workers are not used: they share out users, who come again
when they have been served, and not arrivals.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from multiprocessing import get_context
from multiprocessing.connection import Connection

import gevent
from evote_local.people.target import POLLS_OPEN
from locust import User, task
from locust.env import Environment
from locust.exception import StopUser
from locust.stats import stats_history

from .client import Outcome, Ready, Share, live
from .crowd import Sample
from .progress import Progress

_LOOK_EVERY_S = 0.05
_STARTS_IN_S = 0.5


class Street(User):
    """One user, who stands for everybody: the clients send people in at the planned moments and wait for no answer."""

    abstract = True
    shares: Sequence[Share]
    samples: list[Sample]
    outcome: Outcome
    progress: Progress

    @task
    def run_day(self) -> None:
        """All visits of the plan; then the user stops."""
        processes, pipes = [], list[Connection]()
        context = get_context("spawn")
        for share in self.shares:
            pipe, far_end = context.Pipe()
            process = context.Process(target=live, args=(share, far_end), name="client")
            process.start()
            far_end.close()  # so that the end of the process is the end of the pipe
            processes.append(process)
            pipes.append(pipe)
        try:
            self._wait(pipes)
        finally:
            for process in processes:
                process.terminate()
                process.join()
        raise StopUser

    def _wait(self, pipes: list[Connection]) -> None:
        waiting, open_pipes = set(pipes), list(pipes)
        while open_pipes:
            for pipe in list(open_pipes):
                while pipe in open_pipes and pipe.poll():
                    said = self._hear(pipe)
                    if isinstance(said, Ready):
                        waiting.discard(pipe)
                        if not waiting:
                            self._open(open_pipes)
                    elif isinstance(said, Outcome):
                        self.outcome.add(said)
                        open_pipes.remove(pipe)
                        if waiting:
                            return  # one couldn't even prepare: the polls won't open for the others
            if self.outcome.started:
                self.progress.look(time.perf_counter() - self.outcome.started)
            gevent.sleep(_LOOK_EVERY_S)

    def _hear(self, pipe: Connection) -> Ready | Outcome | None:
        try:
            said: Ready | Outcome | list[Sample] = pipe.recv()
        except EOFError:
            return Outcome(faults=["a client process ended before its people did"])
        if isinstance(said, list):
            for sample in said:
                self._take(sample)
            return None
        return said

    def _open(self, pipes: Sequence[Connection]) -> None:
        print(POLLS_OPEN, flush=True)
        self.outcome.started = time.perf_counter() + _STARTS_IN_S
        for pipe in pipes:
            pipe.send(self.outcome.started)

    def _take(self, sample: Sample) -> None:
        self.samples.append(sample)
        self.progress.take(sample)
        self.environment.events.request.fire(
            request_type="",
            name=sample.name,
            response_time=sample.seconds * 1000,
            response_length=0,
            exception=None if sample.fault is None else AssertionError(sample.fault),
            context={},
        )


def let_in(environment: Environment) -> None:
    """Run the street of ``environment`` to its end; Locust keeps the history of its figures meanwhile."""
    runner = environment.create_local_runner()
    history = gevent.spawn(stats_history, runner)
    runner.start(1, spawn_rate=1)
    gevent.joinall([runner.spawning_greenlet])
    runner.user_greenlets.join()
    history.kill()
    runner.quit()
