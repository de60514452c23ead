"""Checks that take time, on all cores: work is handed out in order and taken back in order."""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future, ProcessPoolExecutor, ThreadPoolExecutor
from typing import TypeVar

from ..box import BallotFacts, examine_ballots, recall_ballots
from ..credentials import parse_public
from ..election import Election, parse_election
from ..errors import BeleniosError

CHUNK = 16
_PR_SET_PDEATHSIG = 1

Item = TypeVar("Item")
Verdict = TypeVar("Verdict")


def check_ballots(election: Election, texts: Sequence[str]) -> list[BallotFacts | BeleniosError]:
    """Everything that a ballot says by itself."""
    return examine_ballots(election, texts)


def recall(election: Election, texts: Sequence[str]) -> list[BallotFacts | BeleniosError]:
    """What ballots that were verified before leave."""
    return recall_ballots(election, texts)


def check_credentials(election: Election, texts: Sequence[str]) -> list[tuple[str, int] | BeleniosError]:
    """Each credential's element and weight."""
    return [_check_credential(election, text) for text in texts]


class Workers:
    """A pool of threads or processes that know one election; a context manager.

    Threads are enough where the compiled core works: it needs no lock of Python's. Nothing is started for work that
    fits into less than a chunk: a process takes longer to start.
    """

    def __init__(self, processes: int, election: Election) -> None:
        self._processes = processes
        self._election = election
        self._threads = election.compiled is not None
        self._pool: Executor | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        if self._pool is not None:
            self._pool.shutdown(cancel_futures=True)

    def submit(
        self, check: Callable[[Election, Sequence[Item]], list[Verdict]], items: Sequence[Item]
    ) -> Future[list[Verdict]]:
        """Begin to check items, whose verdicts come in their order."""
        if self._pool is None and (self._processes == 1 or len(items) < CHUNK):
            done: Future[list[Verdict]] = Future()
            done.set_result(check(self._election, items))
            return done
        if self._pool is None:
            self._pool = self._start()
        if self._threads:
            return self._pool.submit(check, self._election, items)
        return self._pool.submit(_run, check, items)

    def _start(self) -> Executor:
        if self._threads:
            return ThreadPoolExecutor(self._processes, "verifying")
        return ProcessPoolExecutor(
            self._processes,
            # A fork would copy the locks of whatever threads the caller has.
            mp_context=multiprocessing.get_context("spawn"),
            initializer=_begin,
            initargs=(self._election.json, os.getpid()),
        )

    @property
    def most_in_flight(self) -> int:
        """Chunks in flight that keep everyone busy: memory doesn't grow with the archive."""
        return 4 * self._processes


def _check_credential(election: Election, text: str) -> tuple[str, int] | BeleniosError:
    try:
        return parse_public(text, election.group)
    except BeleniosError as error:
        return error


_election: Election


def _begin(election_json: str, parent: int) -> None:
    """In a new process: read the election once, and end when the parent does, however it ends."""
    global _election
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:
            os._exit(1)
    _election = parse_election(election_json)


def _run(check: Callable[[Election, Sequence[Item]], list[Verdict]], items: Sequence[Item]) -> list[Verdict]:
    return check(_election, items)
