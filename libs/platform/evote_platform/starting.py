"""A replica may come up before what it works with: it waits, unready, and says for what.

Ended and started again it would come later and later (Kubernetes waits up to five minutes between two starts), and its
reason would stand in the log of a container that is gone.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Final, TypeVar

import structlog
from pydantic import SecretStr

from .database import Schema, SchemaBehind, TimedPool, require_migrated, schema_pool
from .health import Readiness
from .logging import exception_facts
from .outages import is_outage

_AGAIN_AFTER_S: Final = 1.0
T = TypeVar("T")
_log = structlog.get_logger(__name__)


@asynccontextmanager
async def pool_when_there(
    database_url: SecretStr, schema: Schema, readiness: Readiness, *, max_size: int, sessions: int = 0
) -> AsyncIterator[TimedPool]:
    """As :func:`.schema_pool`, for a replica's start: waits until the database takes us and has this release's tables.

    Raises:
        ServerTooSmall: the server never takes as many connections as this replica may open.
        Exception: what else no waiting mends, such as a file of the connection's that can't be read.
    """
    told = None
    while (missing := await _missing(database_url, schema)) is not None:
        if missing != told:
            _log.warning("start-waits", reason=missing)
        told = missing
        readiness.start_waits(missing)
        await asyncio.sleep(_AGAIN_AFTER_S)
    async with schema_pool(database_url, schema, max_size=max_size, sessions=sessions) as pool:
        yield pool


async def _missing(database_url: SecretStr, schema: Schema) -> str | None:
    try:
        await require_migrated(database_url, schema)
    except SchemaBehind as behind:
        return str(behind)
    except Exception as error:
        if not is_outage(error):
            raise
        return f"the database can't be worked with: {type(error).__name__}"
    return None


@asynccontextmanager
async def started_or_waiting(
    replica: AbstractAsyncContextManager[T], readiness: Readiness, give: Callable[[T], None]
) -> AsyncIterator[None]:
    """Run a replica while the block does, which begins when ``give`` got it, or when it waits for something.

    Raises what the replica's start raises before. A start that fails later makes ``readiness`` fail.
    """
    leaving, is_up = asyncio.Event(), False

    async def run() -> None:
        nonlocal is_up
        async with replica as service:
            is_up = True
            give(service)
            readiness.started()
            await leaving.wait()

    def ended(_: object) -> None:
        if not is_up and not running.cancelled() and (error := running.exception()) is not None:
            _log.error("start-failed", **exception_facts(error))
            readiness.fail("start", type(error).__name__)

    running, settled = asyncio.create_task(run()), asyncio.create_task(readiness.settled.wait())
    try:
        await asyncio.wait([running, settled], return_when=asyncio.FIRST_COMPLETED)
        if running.done():
            running.result()  # it has failed before it waited for anything
        running.add_done_callback(ended)
        yield
    finally:
        settled.cancel()
        leaving.set()
        if not is_up:
            running.cancel()
        await asyncio.wait([running])
    if is_up:
        running.result()  # what failed as it closed
