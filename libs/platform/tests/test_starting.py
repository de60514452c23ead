"""A start that waits for something outside, and one that fails, before and behind the waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from pathlib import Path
from types import SimpleNamespace

import asyncpg
import httpx
import pytest
from evote_local.people.staff import Staff
from evote_local.testbed import eventually
from evote_platform import starting as starting_module
from evote_platform.access import Access
from evote_platform.clock import Clock, utc_now
from evote_platform.database import Schema, SchemaBehind
from evote_platform.health import Readiness
from evote_platform.program import Start
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from pydantic import SecretStr
from structlog.testing import capture_logs

from .example_service import PROGRAM, ExampleService

NO_TABLES = Schema("example", Path("/nowhere"))


class Unusable(Exception):
    pass


def starting(there: asyncio.Event, end: Callable[[], None], waits: str | None = "the sea is not calm") -> Start:
    @asynccontextmanager
    async def start(readiness: Readiness, registry: CollectorRegistry, clock: Clock) -> AsyncIterator[ExampleService]:
        if waits is not None:
            readiness.start_waits(waits)
            await there.wait()
        end()
        yield ExampleService(asyncio.Event(), readiness.draining)

    return start


def nothing() -> None: ...


def fails() -> None:
    raise Unusable


async def checks(client: httpx.AsyncClient) -> dict[str, str]:
    found = (await client.get("/readyz")).json()["checks"]
    return {name: check["detail"] for name, check in found.items()}


def asking(app: FastAPI) -> AbstractAsyncContextManager[httpx.AsyncClient]:
    return httpx.AsyncClient(transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url="http://x")


async def test_who_waits_in_the_start_says_for_what_and_serves_when_it_is_there() -> None:
    there = asyncio.Event()
    app = PROGRAM.app(starting(there, nothing), utc_now)
    async with app.router.lifespan_context(app), asking(app) as client:
        assert await checks(client) == {"start": "the sea is not calm"}
        for path in ("/readyz", "/metrics", "/address"):
            assert (await client.get(path)).status_code == 503
        there.set()

        async def serves() -> bool:
            return (await client.get("/address")).status_code == 200

        await eventually(serves)
        assert await checks(client) == {}


async def test_who_waits_in_the_start_shows_it_in_its_metrics(tmp_path: Path) -> None:
    app = PROGRAM.app(starting(asyncio.Event(), nothing), utc_now)
    staff = Staff()
    app.state.access_at_start = Access("example", RosterFile(staff.write_roster(tmp_path / "roster.json")), utc_now)
    async with app.router.lifespan_context(app), asking(app) as client:
        assert (await client.get("/metrics")).status_code == 401
        shown = (await client.get("/metrics", auth=staff.signing("example", utc_now))).text.splitlines()
    assert 'evote_ready{check="start"} 0.0' in shown
    assert any(line.startswith("evote_build_info{") for line in shown), "by which alerts know the service"


async def test_a_start_that_fails_at_once_is_the_servers_to_tell() -> None:
    app = PROGRAM.app(starting(asyncio.Event(), fails, waits=None), utc_now)
    with pytest.raises(Unusable):
        async with app.router.lifespan_context(app):
            raise AssertionError("it has not started")


async def test_a_start_that_fails_behind_its_waiting_ends_the_service() -> None:
    there = asyncio.Event()
    app = PROGRAM.app(starting(there, fails), utc_now)
    async with app.router.lifespan_context(app), asking(app) as client:
        there.set()

        async def failed() -> bool:
            return await checks(client) == {"start": "Unusable"}

        await eventually(failed)


async def test_a_start_that_loses_a_cancellation_ends_all_the_same() -> None:
    """As Python 3.11 loses one whose TaskGroup fails in the same moment."""

    @asynccontextmanager
    async def start(readiness: Readiness, *_: object) -> AsyncIterator[None]:
        readiness.start_waits("nothing comes")
        with suppress(asyncio.CancelledError):
            await asyncio.Event().wait()
        await asyncio.Event().wait()
        yield

    app = PROGRAM.app(start, utc_now)
    async with asyncio.timeout(60), app.router.lifespan_context(app):
        pass


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://evote@127.0.0.1:1/evote?sslmode=bogus",
        "http://evote@127.0.0.1:1/evote",
        "postgresql://evote@127.0.0.1:1/evote?sslmode=verify-full&sslrootcert=/nowhere.pem",
        "postgresql://evote@127.0.0.1:1/evote?sslmode=require&sslcert=/nowhere.pem",
    ],
)
async def test_what_no_waiting_mends_ends_the_start(url: str) -> None:
    readiness = Readiness()
    with pytest.raises((asyncpg.ClientConfigurationError, FileNotFoundError)):
        async with asyncio.timeout(60), pool_when_there(SecretStr(url), NO_TABLES, readiness, max_size=1):
            pass
    assert not readiness.settled.is_set()


@pytest.mark.parametrize(
    "url",
    ["postgresql://evote@/evote?host=/nowhere", "postgresql://evote@%2Fnowhere/evote", "postgresql:///evote?host=/a"],
)
async def test_a_servers_socket_that_is_not_there_yet_is_waited_for(url: str) -> None:
    readiness = Readiness()
    starting = asyncio.create_task(_begin(url, readiness))
    await asyncio.wait([starting, asyncio.create_task(readiness.settled.wait())], return_when=asyncio.FIRST_COMPLETED)
    assert not starting.done()
    starting.cancel()
    await asyncio.wait([starting])


async def _begin(url: str, readiness: Readiness) -> None:
    async with pool_when_there(SecretStr(url), NO_TABLES, readiness, max_size=1):
        pass


class Script:
    """What the database says, look for look, by a clock that only waiting moves."""

    def __init__(self, says: Iterable[Exception | None]) -> None:
        self._says = iter(says)
        self.now = 1000.0
        self.waits = list[float]()

    async def require_migrated(self, *_: object) -> None:
        if (error := next(self._says)) is not None:
            raise error

    async def sleep(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.now += seconds


async def follow(monkeypatch: pytest.MonkeyPatch, says: Iterable[Exception | None]) -> tuple[Script, list[str], str]:
    """What was waited and logged, and what was shown while the pool was opened."""
    script, readiness, shown = Script(says), Readiness(), list[str]()

    @asynccontextmanager
    async def pool(*_: object, **__: object) -> AsyncIterator[None]:
        shown.extend(check.detail for check in (await readiness.check()).values())
        yield

    monkeypatch.setattr(starting_module, "require_migrated", script.require_migrated)
    monkeypatch.setattr(starting_module, "schema_pool", pool)
    monkeypatch.setattr(starting_module, "asyncio", SimpleNamespace(sleep=script.sleep))
    monkeypatch.setattr(starting_module, "time", SimpleNamespace(monotonic=lambda: script.now))
    with capture_logs() as log:
        await _begin("postgresql:///evote", readiness)
    return script, [line["reason"] for line in log], " ".join(shown)


async def test_each_reason_is_told_once_a_minute_also_where_two_take_turns(monkeypatch: pytest.MonkeyPatch) -> None:
    away, behind = ConnectionRefusedError(), SchemaBehind("example", ["0001"])
    _, told, shown = await follow(monkeypatch, [*[away, behind] * 61, None])
    assert [told.count(reason) for reason in dict.fromkeys(told)] == [3, 3]
    assert shown == "the database is there: starting", "and not what it waited for"


async def test_who_waited_for_nothing_says_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (await follow(monkeypatch, [None]))[1:] == ([], "")


async def test_who_is_not_let_in_asks_less_often(monkeypatch: pytest.MonkeyPatch) -> None:
    refused = asyncpg.InvalidPasswordError("password authentication failed")
    script, told, _ = await follow(monkeypatch, [ConnectionRefusedError(), refused, None])
    assert len(told) == 2 and script.waits[0] == 1.0 and 10 <= script.waits[1] <= 30


async def test_what_fails_as_a_replica_closes_is_told() -> None:
    @asynccontextmanager
    async def unclosable(*_: object) -> AsyncIterator[None]:
        yield
        raise Unusable

    app = PROGRAM.app(unclosable, utc_now)
    with pytest.raises(Unusable):
        async with app.router.lifespan_context(app):
            pass
