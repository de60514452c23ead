"""Runs the arithmetic of the protocol in a process of its own, so that the event loop stays free."""

from __future__ import annotations

import asyncio
import ctypes
import multiprocessing
import signal
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

T = TypeVar("T")
_PR_SET_PDEATHSIG = 1


def _die_with_the_service() -> None:
    # A worker whose service was killed would wait for work for ever. See prctl(2).
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    signal.signal(signal.SIGINT, signal.SIG_IGN)


class ProtocolWorker:
    """One process, replaced when it dies (the kernel may kill it for its memory)."""

    def __init__(self) -> None:
        self._pool = self._new_pool()

    @staticmethod
    def _new_pool() -> ProcessPoolExecutor:
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, mp_context=context, initializer=_die_with_the_service)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a module-level function; its exceptions are raised here.

        A worker that dies on its way is started again for the next call; this call fails.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = self._new_pool()
            raise

    def close(self) -> None:
        """Stop the process; what it was working on is abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)
