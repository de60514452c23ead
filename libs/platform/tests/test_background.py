"""Tasks that must not die, and must end when they are told to."""

from __future__ import annotations

import asyncio

from evote_platform.background import background_tasks
from evote_platform.health import Readiness


async def test_a_task_that_loses_a_cancellation_is_asked_again() -> None:
    """As a TaskGroup of Python 3.11 does when it fails in the same moment."""
    asked = 0

    async def forgetful() -> None:
        nonlocal asked
        while asked < 2:
            try:
                await asyncio.sleep(3600)
            except asyncio.CancelledError:
                asked += 1

    async with background_tasks(Readiness()) as tasks:
        tasks.start("forgetful", forgetful())
        await asyncio.sleep(0)
    assert asked == 2


async def test_an_error_that_stops_the_service_ends_the_other_tasks_and_not_the_process() -> None:
    """What one part must not pass, no other may act upon."""

    class Unknown(Exception):
        pass

    async def reads() -> None:
        raise Unknown("ballots/0 offset 3")

    async def counts() -> None:
        try:
            await asyncio.sleep(3600)
        finally:
            ended.set()

    ended = asyncio.Event()
    readiness = Readiness()
    async with background_tasks(readiness, stopping=Unknown) as tasks:
        tasks.start("counting", counts())
        tasks.start("projection", reads())
        async with asyncio.timeout(50):
            await ended.wait()
        assert readiness.failure is None
        assert readiness.stopped is not None
        assert (readiness.stopped.part, readiness.stopped.reason) == ("projection", "ballots/0 offset 3")
        assert not await readiness.serves()
