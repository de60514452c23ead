"""Work that is given up when the client that asked for it is gone, and no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from evote_platform.disconnect import LEAVING_SCOPE_KEY, ClientGone, Leaving, unless_gone
from starlette.requests import Request


class Client:
    """Its request has been read, and it stays until it goes; a server that isn't ours tells who asks."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.request = Request({"type": "http", "headers": []}, self._receive)

    def go(self) -> None:
        self.gone.set()

    async def _receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}


class OwnClient:
    """The same, of our own server, which tells by itself."""

    def __init__(self) -> None:
        self._leaving = Leaving()
        self.request = Request({"type": "http", "headers": [], LEAVING_SCOPE_KEY: self._leaving}, self._receive)

    def go(self) -> None:
        self._leaving.leave()

    async def _receive(self) -> Any:
        raise AssertionError("nobody has to ask")


@pytest.fixture(params=[Client, OwnClient])
def client(request: pytest.FixtureRequest) -> Client | OwnClient:
    made: Client | OwnClient = request.param()
    return made


class Work:
    """Something that takes until it is told to end."""

    def __init__(self) -> None:
        self.end, self.begun, self.stopped = asyncio.Event(), asyncio.Event(), False

    async def run(self) -> str:
        self.begun.set()
        try:
            await self.end.wait()
        except asyncio.CancelledError:
            self.stopped = True
            raise
        return "done"


async def test_who_stays_gets_the_outcome(client: Client | OwnClient) -> None:
    work = Work()
    work.end.set()
    assert await unless_gone(client.request, work.run()) == "done"


async def test_what_the_work_raises_is_raised(client: Client | OwnClient) -> None:
    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_gone(client.request, fails())


async def test_who_goes_stops_the_work(client: Client | OwnClient) -> None:
    work = Work()
    asked = asyncio.create_task(unless_gone(client.request, work.run()))
    await work.begun.wait()
    client.go()
    with pytest.raises(ClientGone):
        await asked
    assert work.stopped


async def test_who_goes_in_the_moment_in_which_the_work_ends_stops_nothing_behind_it(
    client: Client | OwnClient,
) -> None:
    work, behind = Work(), asyncio.Event()

    async def asks() -> str | None:
        try:
            return await unless_gone(client.request, work.run())
        except ClientGone:
            return None
        finally:
            await asyncio.sleep(0)
            behind.set()

    asked = asyncio.create_task(asks())
    await work.begun.wait()
    client.go()
    work.end.set()
    assert await asked == ("done" if isinstance(client, Client) else None)
    assert behind.is_set()
    assert asked.cancelling() == 0


@pytest.mark.parametrize("gone_too", [False, True])
async def test_a_request_that_is_cancelled_stops_the_work_and_stays_cancelled(
    client: Client | OwnClient, gone_too: bool
) -> None:
    work = Work()
    asked = asyncio.create_task(unless_gone(client.request, work.run()))
    await work.begun.wait()
    if gone_too:
        client.go()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert work.stopped
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_work_that_was_cancelled_elsewhere_is_nobodys_going(client: Client | OwnClient) -> None:
    work = Work()
    inner: list[asyncio.Task[Any]] = []

    async def noted() -> str:
        task = asyncio.current_task()
        assert task is not None
        inner.append(task)
        return await work.run()

    asked = asyncio.create_task(unless_gone(client.request, noted()))
    await work.begun.wait()
    inner[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked


async def test_who_has_gone_before_the_work_begins_gets_none_of_it() -> None:
    client, work = OwnClient(), Work()
    client.go()
    with pytest.raises(ClientGone):
        await unless_gone(client.request, work.run())
    assert not work.begun.is_set()
