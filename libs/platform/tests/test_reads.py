"""Reads get a share of the connections, wait for a bounded time, and leave the rest to what must not wait."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import asyncpg
import pytest
from evote_platform import reads as module
from evote_platform.database import open_pool
from evote_platform.outages import is_outage
from evote_platform.reads import Reads, ReadsBusy
from pydantic import SecretStr

pytestmark = pytest.mark.stack


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with await open_pool(SecretStr(database_url), "example", max_size=4) as pool:
        yield pool


async def test_reads_take_half_of_the_connections_and_a_cast_still_gets_one(pool: asyncpg.Pool) -> None:
    reads, held, go_on = Reads(pool).unhurried(), 0, asyncio.Event()

    async def read() -> None:
        nonlocal held
        async with reads.acquire():
            held += 1
            await go_on.wait()

    readers = [asyncio.create_task(read()) for _ in range(20)]
    async with AsyncExitStack() as casts:
        # A pool of four: without the share, the twenty have them all and these two wait until the test's limit.
        for _ in range(2):
            await casts.enter_async_context(pool.acquire())
        assert held <= 2
        go_on.set()
        await asyncio.gather(*readers)
    assert held == 20


async def test_a_read_that_gets_no_turn_in_time_is_an_outage_and_the_next_one_is_served(
    pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch, as_deployed: None
) -> None:
    assert module.ACQUIRE_WITHIN_S == 2
    reads = Reads(pool)
    async with reads.acquire(), reads.acquire():
        # From here on: a connection that is opened takes longer on a busy machine.
        monkeypatch.setattr(reads, "_within_s", 0.05)
        with pytest.raises(TimeoutError) as late:
            await reads.fetchval("SELECT 1")
        monkeypatch.undo()
        assert is_outage(late.value)
        rest = asyncio.create_task(reads.unhurried().fetchval("SELECT 2"))
        await asyncio.sleep(0.1)
        assert not rest.done()
    assert await rest == 2
    assert await reads.fetchval("SELECT 3") == 3


async def test_a_crowd_is_not_let_wait_in_vain(pool: asyncpg.Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "MOST_WAITING", 3)
    reads = Reads(pool)
    async with reads.acquire(), reads.acquire():
        waiting = [asyncio.create_task(reads.fetchval("SELECT 1")) for _ in range(3)]
        await asyncio.sleep(0)
        with pytest.raises(ReadsBusy):
            await reads.fetchval("SELECT 1")
    assert await asyncio.gather(*waiting) == [1, 1, 1]
