"""Tasks that live as long as the service: when one dies, the service does too, loudly."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from typing import Any, Final

import structlog

from .health import Readiness
from .logging import exception_facts

CANCEL_AGAIN_S: Final = 1.0
"""How long a task that was cancelled may take to end, in seconds, before it is cancelled once more."""

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """The running tasks of a service; made by :func:`background_tasks`."""

    def __init__(self, readiness: Readiness, stopping: type[Exception] | tuple[()]) -> None:
        self._readiness = readiness
        self._stopping_errors = stopping
        self._tasks: list[asyncio.Task[Any]] = []
        self._stopping = False
        self._stop: asyncio.Task[None] | None = None

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
                await asyncio.wait([task], timeout=CANCEL_AGAIN_S)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        error = None if task.cancelled() else task.exception()  # asked for, so asyncio won't complain
        if error is not None:
            _log.error("background-task-failed", task=task.get_name(), **exception_facts(error))
        if self._stopping:
            return
        if isinstance(error, self._stopping_errors):
            # What one part must not pass, no other may act upon: a count, a close, a checkpoint.
            self._readiness.stop(task.get_name(), str(error))
            self._stop = asyncio.ensure_future(self.stop())
            return
        self._readiness.fail(task.get_name(), "it ended" if error is None else type(error).__name__)


@asynccontextmanager
async def background_tasks(
    readiness: Readiness, stopping: type[Exception] | tuple[()] = ()
) -> AsyncIterator[BackgroundTasks]:
    """For the service's lifespan: tasks started inside end when the block does.

    A task that dies makes ``readiness`` fail, and with it the process (exit status 1, by ``serve``):
    a projection that has crashed must not leave a service that answers from old tables.

    Args:
        stopping: errors of a task that end the work of this replica and not its process: all tasks are cancelled, and
            ``readiness`` says what the error says, to operators, until a person acts.
    """
    tasks = BackgroundTasks(readiness, stopping)
    try:
        yield tasks
    finally:
        await tasks.stop()
