"""Work that is given up when the client that asked for it is gone, and no other."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from evote_platform.disconnect import ClientGone, unless_gone
from starlette.requests import Request


class Client:
    """Its request has been read, and it stays until it goes."""

    def __init__(self) -> None:
        self.gone = asyncio.Event()
        self.request = Request({"type": "http", "headers": []}, self._receive)

    async def _receive(self) -> Any:
        await self.gone.wait()
        return {"type": "http.disconnect"}


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


async def test_who_stays_gets_the_outcome() -> None:
    client, work = Client(), Work()
    work.end.set()
    assert await unless_gone(client.request, work.run()) == "done"


async def test_what_the_work_raises_is_raised() -> None:
    async def fails() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await unless_gone(Client().request, fails())


async def test_who_goes_stops_the_work() -> None:
    client, work = Client(), Work()
    asked = asyncio.create_task(unless_gone(client.request, work.run()))
    await work.begun.wait()
    client.gone.set()
    with pytest.raises(ClientGone):
        await asked
    assert work.stopped


async def test_who_goes_in_the_moment_in_which_the_work_ends_stops_nothing_behind_it() -> None:
    client, work = Client(), Work()
    asked = asyncio.create_task(unless_gone(client.request, work.run()))
    await work.begun.wait()
    client.gone.set()
    work.end.set()
    assert await asked == "done"
    assert asked.cancelling() == 0


@pytest.mark.parametrize("gone_too", [False, True])
async def test_a_request_that_is_cancelled_stops_the_work_and_stays_cancelled(gone_too: bool) -> None:
    client, work = Client(), Work()
    asked = asyncio.create_task(unless_gone(client.request, work.run()))
    await work.begun.wait()
    if gone_too:
        client.gone.set()
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert work.stopped
    assert asyncio.all_tasks() == {asyncio.current_task()}


async def test_work_that_was_cancelled_elsewhere_is_nobodys_going() -> None:
    work = Work()
    inner: list[asyncio.Task[Any]] = []

    async def noted() -> str:
        task = asyncio.current_task()
        assert task is not None
        inner.append(task)
        return await work.run()

    asked = asyncio.create_task(unless_gone(Client().request, noted()))
    await work.begun.wait()
    inner[0].cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
