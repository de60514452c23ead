"""What the tests of all services need: a clock that moves, waiting for another program, an app in this process."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta

import httpx
from evote_platform.clock import utc_now
from fastapi import FastAPI

_WITHIN_S, _SLOWLY_WITHIN_S = 50, 150
"""Below pytest's own limits for a test and for a slow one, so that the failure shows what was waited for."""
_POLL_S = 0.02


class MovableClock:
    """The real time, moved.

    Never a time of its own: what a test runs beside the service (certificates, Kafka, PostgreSQL) keeps the real one.
    """

    def __init__(self) -> None:
        self.moved = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.moved


async def eventually(holds: Callable[[], Awaitable[bool]], *, within_s: float = _WITHIN_S) -> None:
    """Wait for what must come, however busy the machine is; the limit only ends a test that has failed."""
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in another program
            await asyncio.sleep(_POLL_S)


async def patiently(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait as ``eventually`` does, in a test that is marked as slow: several programs start, stop or catch up in it."""
    await eventually(holds, within_s=_SLOWLY_WITHIN_S)


@asynccontextmanager
async def running_app(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A replica of a service in this process, served without a socket: its client, once it says that it is ready."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service.example", timeout=60) as client,
    ):

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(ready)
        yield client
