"""A leader learns early that its database is away, however silently it went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from urllib.parse import urlsplit

import asyncpg
import pytest
from evote_ledger_anchor import leadership
from evote_ledger_anchor.leadership import keep_leading
from evote_local.testbed import eventually
from pydantic import SecretStr

pytestmark = pytest.mark.stack


class Silencer:
    """A way to the database that can fall silent: connections stay, and nothing passes any more."""

    def __init__(self, database_url: str) -> None:
        self._database = urlsplit(database_url)
        self._passing = asyncio.Event()
        self._passing.set()
        self._tasks: set[asyncio.Task[None]] = set()
        self.url = SecretStr("")

    def fall_silent(self) -> None:
        self._passing.clear()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Silencer]:
        server = await asyncio.start_server(self._connect, "127.0.0.1", 0)
        port, was = server.sockets[0].getsockname()[1], self._database
        self.url = SecretStr(was._replace(netloc=was.netloc.replace(f":{was.port}", f":{port}")).geturl())
        try:
            yield self
        finally:
            server.close()
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(self._database.hostname, self._database.port)
        for source, sink in ((reader, back), (there, writer)):
            self._tasks.add(asyncio.create_task(self._pass_on(source, sink)))

    async def _pass_on(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with suppress(ConnectionError):
            while data := await source.read(4096):
                await self._passing.wait()
                sink.write(data)
                await sink.drain()
        sink.close()


@pytest.fixture
async def way(database_url: str) -> AsyncIterator[Silencer]:
    async with Silencer(database_url).running() as silencer:
        yield silencer


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    assert leadership._PROVE_EVERY_S + leadership._ANSWERS_WITHIN_S <= 10
    monkeypatch.setattr(leadership, "_PROVE_EVERY_S", 0.1)
    monkeypatch.setattr(leadership, "_ANSWERS_WITHIN_S", 0.5)


@asynccontextmanager
async def keeping(url: SecretStr, leads: asyncio.Event, causes: list[str]) -> AsyncIterator[None]:
    async def tenure() -> None:
        leads.set()
        await asyncio.Event().wait()

    task = asyncio.create_task(keep_leading(url, "example", tenure, report=causes.extend))
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.usefixtures("impatient")
async def test_a_leader_whose_database_answers_no_more_stops_to_lead(way: Silencer) -> None:
    leads, causes = asyncio.Event(), list[str]()
    async with keeping(way.url, leads, causes):
        await asyncio.wait_for(leads.wait(), 50)
        way.fall_silent()
        await eventually(lambda: is_among("LeadershipLost", causes))


@pytest.mark.usefixtures("impatient")
async def test_a_standby_whose_database_answers_no_more_asks_anew(way: Silencer, database_url: str) -> None:
    leads, waits, causes = asyncio.Event(), asyncio.Event(), list[str]()
    async with keeping(SecretStr(database_url), leads, []):
        await asyncio.wait_for(leads.wait(), 50)
        async with keeping(way.url, waits, causes):
            await eventually(lambda: has_asked(database_url))
            way.fall_silent()
            await eventually(lambda: is_among("TimeoutError", causes))
    assert not waits.is_set()


async def is_among(cause: str, causes: list[str]) -> bool:
    return cause in causes


async def has_asked(database_url: str) -> bool:
    """Whether the standby is connected and has asked for the lock, beside the leader."""
    connection = await asyncpg.connect(database_url)
    try:
        return bool(
            await connection.fetchval(
                "SELECT count(*) = 2 FROM pg_stat_activity WHERE application_name = 'evote-ledger-example'"
                " AND datname = current_database() AND state = 'idle'"
            )
        )
    finally:
        await connection.close()
