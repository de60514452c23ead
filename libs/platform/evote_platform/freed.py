"""What a process has freed goes back to the system.

The C library keeps it for what comes next, between other things that are still in use: after some piece of work that
took much at once, as the monitor's look at the whole log, a process would hold the most that it ever took.
"""

from __future__ import annotations

import asyncio
import ctypes
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from typing import Final

GIVEN_BACK_EVERY_S: Final = 30.0
"""It takes some milliseconds in a thread of its own, and what comes next has to ask the system again."""

_trim: Final = getattr(ctypes.CDLL(None), "malloc_trim", None)
"""malloc_trim(3), of glibc alone; other libraries keep less."""


def give_back() -> None:
    """Give the system each page that nothing in use stands on."""
    if _trim is not None:
        _trim(0)


@asynccontextmanager
async def given_back() -> AsyncIterator[None]:
    """:func:`give_back` every so often while the block runs."""
    giving = asyncio.create_task(_give_back_again_and_again())
    try:
        yield
    finally:
        giving.cancel()
        with suppress(asyncio.CancelledError):
            await giving


async def _give_back_again_and_again() -> None:
    while True:
        await asyncio.sleep(GIVEN_BACK_EVERY_S)
        await asyncio.to_thread(give_back)
