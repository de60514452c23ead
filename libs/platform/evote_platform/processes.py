"""Processes that work for a service and must not outlive it, nor break it when they die."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import os
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from typing import NoReturn, TypeVar

import structlog

T = TypeVar("T")

_PR_SET_PDEATHSIG = 1  # prctl(2)
_LOOK_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


class WorkerProcesses:
    """Worker processes, all replaced when one of them dies (the kernel may kill it for its memory).

    :meth:`keep` replaces them also while nobody asks for work: a replica that gets no requests because its workers are
    dead would otherwise never have a reason to start others.
    """

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = process_pool(workers)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a module-level function in a worker; its exceptions are raised here.

        Cancelled while it waits for a worker, it is never begun.

        Raises:
            BrokenProcessPool: a worker died, and everything that was under way with it; others are there for the next
                call.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if pool is self._pool:  # the first of all calls that fail together
                _log.warning("worker-lost")
                self._pool = process_pool(self._workers)
            raise

    async def check(self) -> None:
        """For readiness: a worker answers."""
        await self.run(_nothing)

    async def keep(self) -> NoReturn:
        """Replace workers that died, until cancelled."""
        while True:
            with suppress(BrokenProcessPool):
                await self.check()
            await asyncio.sleep(_LOOK_EVERY_S)

    def close(self) -> None:
        """Stop the workers; what they work on is abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Worker processes that start from nothing (no lock or connection of the service's is copied) and die with it."""
    context = multiprocessing.get_context("spawn")
    return ProcessPoolExecutor(workers, mp_context=context, initializer=die_with_the_service)


def die_with_the_service() -> None:
    """For the beginning of a worker: end it when its parent ends, however that ends.

    A worker whose service was killed would wait for work for ever. An interrupt from the terminal goes to the service,
    which stops its workers itself.
    """
    parent = os.getppid()
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:
        os._exit(1)  # the service died between the start and prctl: no signal would ever come
    signal.signal(signal.SIGINT, signal.SIG_IGN)


def _nothing() -> None:
    return
