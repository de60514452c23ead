"""Tasks that must not die, and must end when they are told to."""

from __future__ import annotations

import asyncio

from evote_platform.background import background_tasks
from evote_platform.health import Readiness


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
