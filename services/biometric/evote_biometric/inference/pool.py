"""The service's side: a bounded queue, and a worker process behind each of its takers."""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

import structlog

from ..domain.reading import FaceReading
from ..domain.refusals import Overloaded
from ..metrics import FaceMetrics
from .protocol import ANSWER, LENGTH_BYTES, Failed, Read, Ready, Unreadable, UnreadableFault, framed

WARM_WITHIN_S = 120.0
READ_WITHIN_S = 10.0
"""A picture takes a fraction of a second; a worker that needs longer hangs."""
_BUSY_RETRY_AFTER_S = 3.0
_STARTING_RETRY_AFTER_S = 10.0
_RESTART_AFTER_S = 1.0

_log = structlog.get_logger(__name__)


class PicturesUnreadable(Exception):
    """One of the pictures can't be read."""

    def __init__(self, fault: UnreadableFault) -> None:
        super().__init__(fault.value)
        self.fault = fault


class WorkerLost(Exception):
    """The worker died, hung or failed."""


@dataclass
class _Job:
    content: bytes = field(repr=False)
    answer: asyncio.Future[FaceReading] = field(repr=False)


class FacePool:
    """Workers that are started by :meth:`run` and replaced when they die or hang."""

    def __init__(
        self, command: Sequence[str], workers: int, queue_length: int, metrics: FaceMetrics, *, read_within_s: float
    ) -> None:
        """``command`` starts a worker; at most ``queue_length`` pictures wait or are read."""
        self._command = tuple(command)
        self._workers = workers
        self._queue_length = queue_length
        self._metrics = metrics
        self._read_within_s = read_within_s
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()
        self._waiting = 0
        self._warm: dict[int, int] = {}

    @property
    def warm_pids(self) -> list[int]:
        """The process ids of the workers that can read now."""
        return list(self._warm.values())

    async def check(self) -> bool:
        """For readiness: a worker is warm."""
        return bool(self._warm)

    def require_room(self, pictures: int) -> None:
        """Refuse before a body is read; raises ``Overloaded``."""
        if not self._warm:
            raise Overloaded(_STARTING_RETRY_AFTER_S)
        if self._waiting + pictures > self._queue_length:
            raise Overloaded(_BUSY_RETRY_AFTER_S)

    async def read(self, contents: Sequence[bytes]) -> list[FaceReading]:
        """Read pictures, all or none, in their order.

        Raises:
            Overloaded: no room, or a worker was lost with one of them.
            PicturesUnreadable: one of them is no picture within the limits.
        """
        self.require_room(len(contents))
        loop = asyncio.get_running_loop()
        jobs = [_Job(content, loop.create_future()) for content in contents]
        self._count(len(jobs))
        for job in jobs:
            job.answer.add_done_callback(lambda _: self._count(-1))
            self._jobs.put_nowait(job)
        try:
            return await asyncio.gather(*(job.answer for job in jobs))
        except WorkerLost:
            raise Overloaded(_BUSY_RETRY_AFTER_S) from None
        finally:
            for job in jobs:
                job.answer.cancel()  # those that nobody waits for any more are skipped

    async def run(self) -> None:
        """Keep the workers going until cancelled."""
        async with asyncio.TaskGroup() as group:
            for slot in range(self._workers):
                group.create_task(self._keep_worker(slot))

    async def _keep_worker(self, slot: int) -> None:
        while True:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                # What models print may tell of a face: it goes nowhere.
                stderr=asyncio.subprocess.DEVNULL,
            )
            try:
                await self._serve_with(process, slot)
            except WorkerLost:
                self._metrics.worker_lost()
                _log.warning("face-worker-lost", slot=slot)
            finally:
                self._warm.pop(slot, None)
                self._metrics.workers(len(self._warm))
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
                await process.wait()
            await asyncio.sleep(_RESTART_AFTER_S)

    async def _serve_with(self, process: asyncio.subprocess.Process, slot: int) -> None:
        """Until the worker is lost, which this raises."""
        if not isinstance(await _receive(process, WARM_WITHIN_S), Ready):
            raise WorkerLost
        self._warm[slot] = process.pid
        self._metrics.workers(len(self._warm))
        died = asyncio.ensure_future(process.wait())
        while True:
            taken = asyncio.ensure_future(self._jobs.get())
            await asyncio.wait([taken, died], return_when=asyncio.FIRST_COMPLETED)
            if not taken.done():
                taken.cancel()
                raise WorkerLost
            job = taken.result()
            if not job.answer.done():
                await self._read_one(process, job)

    async def _read_one(self, process: asyncio.subprocess.Process, job: _Job) -> None:
        began = time.monotonic()
        try:
            answer = await self._ask(process, job.content)
        except BaseException as error:
            if not job.answer.done():
                job.answer.set_exception(WorkerLost())
            if isinstance(error, Exception):
                raise WorkerLost from None
            raise
        self._metrics.picture_read(time.monotonic() - began)
        if job.answer.done():
            return
        match answer:
            case Read(reading=reading):
                job.answer.set_result(reading)
            case Unreadable(fault=fault):
                job.answer.set_exception(PicturesUnreadable(fault))
            case Failed(error=error_type):
                _log.error("face-models-failed", error=error_type)
                job.answer.set_exception(WorkerLost())
            case Ready():
                job.answer.set_exception(WorkerLost())
                raise WorkerLost

    async def _ask(self, process: asyncio.subprocess.Process, content: bytes) -> Ready | Read | Unreadable | Failed:
        assert process.stdin is not None  # noqa: S101 - a pipe
        async with asyncio.timeout(self._read_within_s):
            process.stdin.write(framed(content))
            await process.stdin.drain()
            return await _receive(process, self._read_within_s)

    def _count(self, change: int) -> None:
        self._waiting += change
        self._metrics.queue(self._waiting)


async def _receive(process: asyncio.subprocess.Process, within_s: float) -> Ready | Read | Unreadable | Failed:
    """The worker's next answer; ``WorkerLost`` when it ends, is late or says nonsense."""
    assert process.stdout is not None  # noqa: S101 - a pipe
    try:
        async with asyncio.timeout(within_s):
            length = int.from_bytes(await process.stdout.readexactly(LENGTH_BYTES), "big")
            return ANSWER.validate_json(await process.stdout.readexactly(length))
    except (TimeoutError, asyncio.IncompleteReadError, ConnectionError, ValueError):
        raise WorkerLost from None
