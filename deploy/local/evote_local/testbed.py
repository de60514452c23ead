"""What the tests of all services need: a moved clock, waiting for another program, an app in this process, casts."""

from __future__ import annotations

import asyncio
import gc
import hashlib
import secrets
import shutil
import time
import tracemalloc
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager, contextmanager
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Final
from unittest.mock import patch

import httpx
from evote_belenios.ballots import tracker_of
from evote_belenios.credentials import from_entropy, public_credential
from evote_belenios.groups import ED25519, Group
from evote_belenios.order import sign_order
from evote_eventlog.events import BallotAccepted, BallotOrder, OrderSignature
from evote_platform.clock import utc_now
from evote_platform.door import Door
from fastapi import FastAPI

_WITHIN_S, _SLOWLY_WITHIN_S = 50, 300
"""Below pytest's own limits for a test and for a slow one, so that the failure shows what was waited for."""
_POLL_S = 0.02
_LENGTHENED_S = 40.0

_MEMORY, _MEMORY_NEEDED = Path("/dev/shm"), 4 << 30  # noqa: S108 - whoever asks makes a folder of an unguessable name


def scratch() -> Path | None:
    """Where data may lie that a test throws away: in memory where there is enough of it, None for the usual place.

    The tests make and drop a database each: hundreds of files, which cost a disk five times as much.
    """
    holds = _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free >= _MEMORY_NEEDED
    return _MEMORY if holds else None


def bytes_of(work: Callable[[], object]) -> tuple[int, int]:
    """Of the objects of Python that work makes: at the peak, and that its result holds. Nothing else may run."""
    gc.collect()
    tracemalloc.start()
    try:
        result = work()
        gc.collect()
        kept, peak = tracemalloc.get_traced_memory()
        del result
    finally:
        tracemalloc.stop()
    return peak, kept


def bytes_each(keep: Callable[[int], object], less: int = 4096, more: int = 16385) -> float:
    """Bytes that each of so many things keeps beyond the first few.

    What grows by doubling has just doubled at ``more``: nowhere does it keep more of each.
    """
    return (bytes_of(lambda: keep(more))[1] - bytes_of(lambda: keep(less))[1]) / (more - less)


class MovableClock:
    """The real time, moved.

    Never a time of its own: what a test runs beside the service (certificates, Kafka, PostgreSQL) keeps the real one.
    """

    def __init__(self) -> None:
        self.moved = timedelta()

    def __call__(self) -> datetime:
        return utc_now() + self.moved


class Watch:
    """A clock for doors that stands still unless it is moved; who is told to come again is, after the shortest time."""

    longest_s: Final = 40.0
    """More than a test takes: who waits at its doors is turned away by this clock, never by the machine's."""

    def __init__(self) -> None:
        self.now = 1000.0

    def arrived(self, _: object) -> float:
        """Whoever comes has come now."""
        return self.now

    def door(self, at_once: int) -> Door:
        """A door by this clock."""
        return Door(at_once, self.longest_s, lambda: self.now, lambda low, _: low)


async def eventually(holds: Callable[[], Awaitable[bool]], *, within_s: float = _WITHIN_S) -> None:
    """Wait for what must come, however busy the machine is; the limit only ends a test that has failed."""
    async with asyncio.timeout(within_s):
        while not await holds():  # noqa: ASYNC110 - what is waited for happens in another program
            await asyncio.sleep(_POLL_S)


def wait_until(holds: Callable[[], bool], *, within_s: float = _WITHIN_S) -> None:
    """As ``eventually``, where no event loop runs."""
    until = time.monotonic() + within_s
    while not holds():
        if time.monotonic() > until:
            raise TimeoutError(f"not within {within_s:g} s")
        time.sleep(_POLL_S)


async def patiently(holds: Callable[[], Awaitable[bool]]) -> None:
    """Wait as ``eventually`` does, in a test that is marked as slow: several programs start, stop or catch up in it."""
    await eventually(holds, within_s=_SLOWLY_WITHIN_S)


@contextmanager
def lengthened(*limits: str) -> Iterator[ExitStack]:
    """Constants that limit a wait, by module and name, long enough for a busy machine; until what is given is closed.

    What happens when such a limit is over is shown by tests that make it short.
    """
    with ExitStack() as stack:
        for limit in limits:
            stack.enter_context(patch(limit, _LENGTHENED_S))
        yield stack


@asynccontextmanager
async def running_app(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    """A replica of a service in this process, served without a socket: its client, once it says that it is ready."""
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://service.example", timeout=60) as client,
    ):
        missing = ""

        async def ready() -> bool:
            nonlocal missing
            answer = await client.get("/readyz")
            missing = answer.text
            return answer.status_code == 200

        try:
            await eventually(ready)
        except TimeoutError as error:
            error.add_note(f"/readyz said to the last: {missing}")
            raise
        yield client


def accepted(election_uuid: str, group: Group, credential: str, ballot: str, number: int = 1) -> BallotAccepted:
    """The event that ballot publishes of a ballot's text, under the voter's private credential."""
    tracker = tracker_of(ballot)
    order = sign_order(credential, election_uuid, group, tracker, number, secrets.token_bytes)
    signature = OrderSignature(challenge=str(order.signature.challenge), response=str(order.signature.response))
    return BallotAccepted(
        election_uuid=election_uuid,
        credential=public_credential(credential, election_uuid, group),
        tracker=tracker,
        ballot=ballot,
        order=BallotOrder(number=number, signature=signature),
    )


def begun_cast(
    voter: int, number: int = 1, *, election_uuid: str = "1" * 14, rest: str = '"answers":[]'
) -> BallotAccepted:
    """An event that the log admits, for tests and figures of the log: its ballot begins as one, ``rest`` follows.

    A voter has one ballot for each ``number`` and ``rest``.
    """
    election = f'"election_uuid":"{election_uuid}","election_hash":"{"A" * 43}"'
    text = f'{{{election},"credential":"{_public(voter, election_uuid)}","number":{number},{rest}}}'
    return accepted(election_uuid, ED25519, _credential(voter), text, number)


@cache
def _credential(voter: int) -> str:
    return from_entropy(ED25519, hashlib.sha256(f"voter {voter}".encode()).digest())


@cache
def _public(voter: int, election_uuid: str) -> str:
    return public_credential(_credential(voter), election_uuid, ED25519)
