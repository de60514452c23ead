"""Tasks that live as long as the service: when one dies, the service does too, loudly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any

import structlog

from .health import Readiness
from .logging import exception_facts

_CANCEL_AGAIN_S = 1.0

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """The running tasks of a service; made by :func:`background_tasks`."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping = False

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Run ``work`` until the service stops. If it returns or raises before, the service fails."""
        task = asyncio.create_task(work, name=name)
        task.add_done_callback(self._ended)
        self._tasks.append(task)

    async def stop(self) -> None:
        """Cancel the tasks, the last one first, each to its end before the next."""
        self._stopping = True
        for task in reversed(self._tasks):
            while not task.done():
                # Again and again: a task whose TaskGroup fails in the same moment loses a cancellation (Python 3.11).
                task.cancel()
                await asyncio.wait([task], timeout=_CANCEL_AGAIN_S)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()  # asked for, so asyncio won't complain
        if error is not None:
            _log.error("background-task-failed", task=task.get_name(), **exception_facts(error))
        if not self._stopping:
            reason = "it ended" if error is None else type(error).__name__
            self._readiness.fail(task.get_name(), reason)


@asynccontextmanager
async def background_tasks(readiness: Readiness) -> AsyncIterator[BackgroundTasks]:
    """For the service's lifespan: tasks started inside end when the block does.

    A task that dies makes ``readiness`` fail, and with it the process (exit status 1, by ``serve``):
    a projection that has crashed must not leave a service that answers from old tables.
    """
    tasks = BackgroundTasks(readiness)
    try:
        yield tasks
    finally:
        await tasks.stop()
