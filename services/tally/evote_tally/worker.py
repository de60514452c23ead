"""Runs the arithmetic of the protocol in a process of its own, so that the event loop stays free."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from typing import TypeVar

from evote_platform.processes import process_pool

T = TypeVar("T")


class ProtocolWorker:
    """One process, replaced when it dies (the kernel may kill it for its memory)."""

    def __init__(self) -> None:
        self._pool = process_pool(1)

    async def run(self, function: Callable[..., T], *arguments: object) -> T:
        """Run a module-level function; its exceptions are raised here.

        A worker that dies on its way is started again for the next call; this call fails.
        """
        pool = self._pool
        try:
            return await asyncio.get_running_loop().run_in_executor(pool, function, *arguments)
        except BrokenProcessPool:
            if pool is self._pool:
                self._pool = process_pool(1)
            raise

    def close(self) -> None:
        """Stop the process; what it was working on is abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)
