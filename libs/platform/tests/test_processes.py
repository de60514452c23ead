from __future__ import annotations

import asyncio
import multiprocessing
import os
import select
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path

import pytest
from evote_local.testbed import eventually
from evote_platform import processes
from evote_platform.processes import WorkerProcesses, process_pool

SERVICE = """
import os
from evote_platform.processes import process_pool

if __name__ == "__main__":
    pool = process_pool(1)
    while True:
        print(pool.submit(os.getpid).result(), flush=True)
        input()
"""


def start(folder: Path) -> tuple[subprocess.Popen[str], int]:
    """A service with one worker that waits for work, and the worker's id."""
    path = folder / "service.py"
    path.write_text(SERVICE)
    service = subprocess.Popen([sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert service.stdout is not None
    return service, int(service.stdout.readline())


def test_a_worker_dies_with_its_service_however_that_ends(tmp_path: Path) -> None:
    service, worker = start(tmp_path)
    ended = os.pidfd_open(worker)
    service.kill()
    readable, _, _ = select.select([ended], [], [], 30)
    assert readable == [ended]
    service.communicate()
    os.close(ended)


def test_an_interrupt_from_the_terminal_is_left_to_the_service(tmp_path: Path) -> None:
    service, worker = start(tmp_path)
    assert service.stdin is not None and service.stdout is not None
    os.kill(worker, signal.SIGINT)
    service.stdin.write("\n")
    service.stdin.flush()
    assert int(service.stdout.readline()) == worker
    service.kill()
    service.communicate()


async def test_a_worker_that_died_is_replaced_though_nobody_asks_for_work() -> None:
    workers = WorkerProcesses(1)
    keeper = asyncio.create_task(workers.keep())
    try:
        first = await workers.run(os.getpid)
        os.kill(first, signal.SIGKILL)

        async def is_replaced() -> bool:
            return any(process.pid != first for process in multiprocessing.active_children())

        await eventually(is_replaced)
        assert await workers.run(os.getpid) != first
    finally:
        keeper.cancel()
        workers.close()


async def test_calls_that_fail_together_start_one_pool(monkeypatch: pytest.MonkeyPatch) -> None:
    started: list[int] = []

    def counted(workers: int) -> ProcessPoolExecutor:
        started.append(workers)
        return process_pool(workers)

    monkeypatch.setattr(processes, "process_pool", counted)
    workers = WorkerProcesses(1)
    try:
        worker = await workers.run(os.getpid)
        calls = [asyncio.create_task(workers.run(time.sleep, 60)) for _ in range(3)]
        await asyncio.sleep(0)
        os.kill(worker, signal.SIGKILL)
        for call in calls:
            with pytest.raises(BrokenProcessPool):
                await call
        assert await workers.run(os.getpid) != worker
    finally:
        workers.close()
    assert started == [1, 1]
