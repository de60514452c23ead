"""Background tasks that a service can't do without: when one ends, the service says so and stops."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Coroutine
from types import TracebackType
from typing import Any, Self

import structlog

from .health import NotReady, Readiness

_log = structlog.get_logger(__name__)


class BackgroundTasks:
    """Runs tasks for as long as a service lives.

    A task that ends by itself is a fault: it is logged, readiness turns false, and the process gets SIGTERM, so
    that it drains and its supervisor starts it again. A crashed projection is never silent.
    """

    def __init__(self, readiness: Readiness) -> None:
        """Registers one readiness check for each task that is started."""
        self._readiness = readiness
        self._tasks: dict[str, asyncio.Task[Any]] = {}
        self._closing = False

    def start(self, name: str, work: Coroutine[Any, Any, Any]) -> None:
        """Start a task; its name appears in the log and in ``/readyz``."""
        task = asyncio.create_task(work, name=name)
        self._tasks[name] = task
        task.add_done_callback(self._on_done)
        self._readiness.register(f"task-{name}", lambda: self._check(name))

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._closing = True
        for task in self._tasks.values():
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)

    async def _check(self, name: str) -> None:
        if self._tasks[name].done():
            raise NotReady("the task has ended")

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        if self._closing:
            return
        error = None if task.cancelled() else task.exception()
        _log.critical("background-task-ended", task=task.get_name(), exc_info=error)
        os.kill(os.getpid(), signal.SIGTERM)
