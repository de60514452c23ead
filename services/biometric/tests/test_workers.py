"""Processes that read faces: bounded, replaced when they die or hang, and gone with the service."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from evote_biometric.domain.refusals import Overloaded
from evote_biometric.inference.pool import FacePool, PicturesUnreadable
from evote_biometric.metrics import FaceMetrics
from evote_local.testbed import eventually
from prometheus_client import CollectorRegistry

WORKER = (sys.executable, str(Path(__file__).parent / "spelled_worker.py"))


@asynccontextmanager
async def pool_of(workers: int, queue_length: int = 48, read_within_s: float = 50) -> AsyncIterator[FacePool]:
    pool = FacePool(WORKER, workers, queue_length, FaceMetrics(CollectorRegistry()), read_within_s=read_within_s)
    with pytest.raises(Overloaded):  # nobody is warm yet
        await pool.read([b"x"])
    task = asyncio.create_task(pool.run())
    try:
        await eventually(lambda: _warm(pool, workers))
        yield pool
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def _warm(pool: FacePool, workers: int) -> bool:
    return len(pool.warm_pids) >= workers


async def warm_again(pool: FacePool, old: int) -> None:
    async def another_is_warm() -> bool:
        return bool(pool.warm_pids) and old not in pool.warm_pids

    await eventually(another_is_warm)


async def reads(pool: FacePool, picture: bytes) -> bool:
    try:
        return bool(await pool.read([picture]))
    except Overloaded:
        return False


async def test_readings_come_in_the_order_of_the_pictures(reading, spell) -> None:
    pictures = [spell(replace(reading, yaw_deg=float(n))) for n in range(20)]
    async with pool_of(2) as pool:
        assert [r.yaw_deg for r in await pool.read(pictures)] == [float(n) for n in range(20)]
        assert (await pool.read([spell(reading)]))[0].template == reading.template


@pytest.mark.parametrize("trouble", [b"crash", b"hang"])
async def test_a_worker_that_dies_or_hangs_costs_its_picture_only_and_is_replaced(
    reading, spell, trouble: bytes
) -> None:
    async with pool_of(1, read_within_s=1) as pool:
        (old,) = pool.warm_pids
        with pytest.raises(Overloaded):
            await pool.read([trouble])
        await warm_again(pool, old)
        await eventually(lambda: reads(pool, spell(reading)))  # a second is little for a busy machine


async def test_a_worker_that_is_killed_in_the_middle_answers_overloaded(reading, spell) -> None:
    async with pool_of(1, read_within_s=30) as pool:
        (old,) = pool.warm_pids
        waiting = asyncio.create_task(pool.read([b"hang", spell(reading)]))
        await asyncio.sleep(0.3)
        os.kill(old, signal.SIGKILL)
        with pytest.raises(Overloaded):
            await waiting
        await warm_again(pool, old)
        assert await pool.read([spell(reading)])


async def test_a_fault_of_the_models_says_nothing_of_the_face(reading, spell, capfd) -> None:
    async with pool_of(1) as pool:
        with pytest.raises(Overloaded):
            await pool.read([b"bug"])
        with pytest.raises(PicturesUnreadable):
            await pool.read([b"no picture"])
        assert await pool.read([spell(reading)])
    printed = capfd.readouterr()
    assert "secret" not in printed.out + printed.err


async def test_too_many_pictures_are_refused_at_once(reading, spell) -> None:
    async with pool_of(1, queue_length=24) as pool:
        (old,) = pool.warm_pids
        waiting = asyncio.create_task(pool.read([b"hang", *[spell(reading)] * 23]))
        await asyncio.sleep(0)
        with pytest.raises(Overloaded) as refused:
            await pool.read([spell(reading)])
        assert refused.value.retry_after_s > 0
        os.kill(old, signal.SIGKILL)
        with contextlib.suppress(Overloaded):
            await waiting
        await warm_again(pool, old)
        assert await pool.read([spell(reading)])


async def test_pictures_that_nobody_waits_for_are_not_read(reading, spell) -> None:
    async with pool_of(1, read_within_s=5) as pool:  # where nobody leaves before the first is read, the second hangs
        waiting = asyncio.create_task(pool.read([b"slow", *[b"hang"] * 5]))
        await asyncio.sleep(0.1)
        waiting.cancel()
        await eventually(lambda: reads(pool, spell(reading)))


async def test_no_worker_outlives_the_service(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys\n"
        "from evote_biometric.inference.pool import FacePool\n"
        "from evote_biometric.metrics import FaceMetrics\n"
        "from prometheus_client import CollectorRegistry\n"
        "async def main():\n"
        "    pool = FacePool(sys.argv[1:], 1, 24, FaceMetrics(CollectorRegistry()), read_within_s=5)\n"
        "    task = asyncio.create_task(pool.run())\n"
        "    while not pool.warm_pids: await asyncio.sleep(0.05)\n"
        "    print(pool.warm_pids[0], flush=True)\n"
        "    await task\n"
        "asyncio.run(main())\n"
    )
    service = await asyncio.create_subprocess_exec(
        sys.executable, "-c", program, *WORKER, stdout=asyncio.subprocess.PIPE
    )
    assert service.stdout is not None
    worker = int(await service.stdout.readline())
    service.kill()
    await service.wait()
    await eventually(lambda: _has_ended(worker))


async def _has_ended(pid: int) -> bool:
    return not _runs(pid)


def _runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False
