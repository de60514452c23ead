"""A replica may come up before what it works with: it waits, unready, and says for what.

Ended and started again it would come later and later (Kubernetes waits up to five minutes between two starts), and its
reason would stand in the log of a container that is gone.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import structlog
from pydantic import SecretStr

from .background import CANCEL_AGAIN_S
from .database import Schema, SchemaBehind, TimedPool, require_migrated, schema_pool
from .health import Readiness
from .logging import exception_facts
from .outages import is_outage

_AGAIN_AFTER_S: Final = 1.0
_REFUSED_AGAIN_AFTER_S: Final = 15.0
"""Where the server knows us not: each attempt is a failed login in its log, and for whoever watches that."""
_SAID_AGAIN_AFTER_S: Final = 60.0
"""How often the log has a reason that stands."""
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
    said: dict[str, float] = {}
    while (missing := await _missing(database_url, schema)) is not None:
        now = time.monotonic()
        # By itself each: a database that comes and goes would else have a line each second.
        if now - said.get(missing.reason, now - _SAID_AGAIN_AFTER_S) >= _SAID_AGAIN_AFTER_S:
            _log.warning("start-waits", reason=missing.reason)
            said[missing.reason] = now
        readiness.start_waits(missing.reason)
        await asyncio.sleep(missing.again_after_s)
    if said:
        readiness.start_waits("the database is there: starting")
    async with schema_pool(database_url, schema, max_size=max_size, sessions=sessions) as pool:
        yield pool


@dataclass(frozen=True)
class _Missing:
    """What a start waits for, and after how many seconds it looks again."""

    reason: str
    again_after_s: float = _AGAIN_AFTER_S


async def _missing(database_url: SecretStr, schema: Schema) -> _Missing | None:
    try:
        await require_migrated(database_url, schema)
    except SchemaBehind as behind:
        return _Missing(str(behind))
    except Exception as error:
        # A server's socket that isn't there yet is a server that is down; any other file is ours, and stays away.
        if not is_outage(error) and not (isinstance(error, FileNotFoundError) and _is_by_socket(database_url)):
            raise
        refused = isinstance(error, asyncpg.InvalidAuthorizationSpecificationError)
        reason = f"the database can't be worked with: {type(error).__name__}"
        return _Missing(reason, _REFUSED_AGAIN_AFTER_S if refused else _AGAIN_AFTER_S)
    return None


def _is_by_socket(database_url: SecretStr) -> bool:
    """Whether the server is reached by a Unix socket, whose folder stands where a host's name does."""
    parts = urlsplit(database_url.get_secret_value())
    hosts = parse_qs(parts.query).get("host", [unquote(parts.hostname or "")])
    return hosts[-1].startswith("/")


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
        while not running.done():
            if not is_up:
                running.cancel()  # again and again, as in background: a start can lose a cancellation, too
            await asyncio.wait([running], timeout=CANCEL_AGAIN_S)
    if is_up:
        running.result()  # what failed as it closed
