"""A start that waits for something outside, and one that fails, before and behind the waiting."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager

import httpx
import pytest
from evote_local.testbed import eventually
from evote_platform.clock import Clock, utc_now
from evote_platform.health import Readiness
from evote_platform.program import Start
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .example_service import PROGRAM, ExampleService


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


async def test_what_fails_as_a_replica_closes_is_told() -> None:
    @asynccontextmanager
    async def unclosable(*_: object) -> AsyncIterator[None]:
        yield
        raise Unusable

    app = PROGRAM.app(unclosable, utc_now)
    with pytest.raises(Unusable):
        async with app.router.lifespan_context(app):
            pass
