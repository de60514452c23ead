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
