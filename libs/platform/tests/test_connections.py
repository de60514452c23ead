"""What strangers can make a replica wait for, read or keep: a real server on a real port, and raw sockets."""

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import TypeVar

import pytest
from evote_local.testbed import eventually
from evote_officers.commands import COMMAND_SCHEME
from evote_platform import admission, bodylimit, connections
from evote_platform.arrival import waited_s
from evote_platform.health import Readiness
from evote_platform.management import OPERATIONS
from evote_platform.server import listen, server_of
from evote_platform.settings import CannotStart, Environment, ServiceSettings
from fastapi import FastAPI

T = TypeVar("T")
MOST_CONNECTIONS = 10
HOST = b"Host: x\r\n"


async def soon(what: Awaitable[T]) -> T:
    """Far longer than it takes: without the rule that is shown, it never comes."""
    async with asyncio.timeout(30):
        return await what


def settings(management_port: int | None = None) -> ServiceSettings:
    return ServiceSettings(
        environment=Environment.TEST,
        kafka_bootstrap="nowhere:1",
        database_url="postgresql://nowhere",
        port=0,
        management_port=management_port,
        roster_file="nowhere",
        max_connections=MOST_CONNECTIONS,
        shutdown_timeout_s=1,
    )


class Client:
    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader, self._writer = reader, writer

    def say(self, text: bytes) -> None:
        self._writer.write(text)

    async def answer(self) -> tuple[int, bytes]:
        """The next answer's status and body."""
        head = await self.head()
        lengths = [
            line.partition(b":")[2] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")
        ]
        return int(head.split()[1]), await soon(self._reader.readexactly(int(lengths[0])))

    async def head(self) -> bytes:
        """The next answer's head, all of it where the answer has no body."""
        return await soon(self._reader.readuntil(b"\r\n\r\n"))

    async def rest(self) -> bytes:
        """What still comes before the server closes the connection."""
        return await soon(self._reader.read())

    def close(self) -> None:
        self._writer.close()


class Street:
    """Whoever can reach the replica."""

    def __init__(self, ports: list[int]) -> None:
        self._ports = ports
        self._clients: list[Client] = []

    async def client(self, door: int = 0) -> Client:
        client = Client(*await asyncio.open_connection("127.0.0.1", self._ports[door]))
        self._clients.append(client)
        return client

    def go_home(self) -> None:
        for client in self._clients:
            client.close()


@asynccontextmanager
async def opened(app: FastAPI, readiness: Readiness, settings: ServiceSettings) -> AsyncIterator[Street]:
    sockets = listen(settings)
    server = server_of(app, readiness, settings, sockets)
    serving = asyncio.create_task(server.serve(sockets))

    async def started() -> bool:
        return server.started

    await eventually(started)
    street = Street([socket.getsockname()[1] for socket in sockets])
    yield street
    street.go_home()
    server.should_exit = True
    await serving


@pytest.fixture
async def street(app: FastAPI, readiness: Readiness) -> AsyncIterator[Street]:
    async with opened(app, readiness, settings()) as street:
        yield street


@pytest.fixture
async def street_and_yard(app: FastAPI, readiness: Readiness) -> AsyncIterator[Street]:
    """With a port apart for operators."""
    async with opened(app, readiness, settings(management_port=0)) as street:
        yield street


@pytest.mark.parametrize("access", [b"", f"Authorization: {COMMAND_SCHEME} e30\r\n".encode()])
async def test_who_may_not_command_is_refused_before_a_byte_of_the_body_is_read(street: Street, access: bytes) -> None:
    client = await street.client()
    client.say(b"POST /acts/x HTTP/1.1\r\n" + HOST + access + b"Content-Length: 60000000\r\n\r\n")
    status, document = await client.answer()
    assert status == 401
    assert b"unauthorized" in document or b"command-malformed" in document


async def test_an_address_beyond_its_limit_is_refused_before_its_body_is_read(street: Street) -> None:
    client = await street.client()
    head = b"POST /limited HTTP/1.1\r\nContent-Type: application/json\r\n" + HOST
    for body in (b"{}", b"{}"):  # two a minute
        client.say(head + b"Content-Length: 2\r\n\r\n" + body)
        assert await client.answer() == (200, b"{}")
    client.say(head + b"Content-Length: 2\r\n\r\n")
    assert (await client.answer())[0] == 429


async def test_a_declared_body_beyond_the_routes_limit_is_refused_before_it_is_read(street: Street) -> None:
    client = await street.client()
    client.say(b"POST /raw HTTP/1.1\r\n" + HOST + b"Content-Length: 1001\r\n\r\n")
    assert (await client.answer())[0] == 413
    assert await client.rest() == b""


async def test_a_body_that_hardly_comes_ends_after_a_deadline(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodylimit, "PATIENCE_S", 0.1)
    client = await street.client()
    client.say(b"POST /raw HTTP/1.1\r\n" + HOST + b"Content-Length: 100\r\n\r\nx")
    status, document = await client.answer()
    assert (status, b"body-too-slow" in document) == (408, True)
    assert await client.rest() == b""


async def test_a_head_that_hardly_comes_ends_after_a_deadline(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    awake = await street.client()
    awake.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await awake.answer() == (200, b"ok\n")
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.1)
    silent, begun = await street.client(), await street.client()
    begun.say(b"GET /livez HTTP/1.1\r\nHost:")
    awake.say(b"\r\n")
    for client in (silent, begun, awake):
        assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


async def test_a_body_that_nobody_reads_keeps_no_connection(street: Street, monkeypatch: pytest.MonkeyPatch) -> None:
    client = await street.client()
    client.say(b"POST /acts/x HTTP/1.1\r\n" + HOST + b"Content-Length: 60000000\r\n\r\n")
    assert (await client.answer())[0] == 401
    monkeypatch.setattr(connections, "HEAD_WITHIN_S", 0.1)
    client.say(b"x")
    assert (await client.rest()).startswith(b"HTTP/1.1 408 ")


@pytest.mark.parametrize("end", [b"\r\n\r\n", b""], ids=["whole", "without an end"])
async def test_a_head_has_a_largest_size(street: Street, end: bytes) -> None:
    client = await street.client()
    client.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"x" * connections.MOST_HEAD_BYTES + end)
    assert (await client.rest()).startswith(b"HTTP/1.1 431 ")


async def test_heads_below_the_limit_are_taken_one_after_the_other(street: Street) -> None:
    client = await street.client()
    for _ in range(3):
        client.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"X: " + b"x" * (connections.MOST_HEAD_BYTES // 2) + b"\r\n\r\n")
        assert await client.answer() == (200, b"ok\n")


async def test_idle_connections_outlive_those_of_proxies(app: FastAPI, readiness: Readiness) -> None:
    """A proxy that sends a request into a connection that was just closed answers its voter with an error."""
    sockets = listen(settings())
    assert server_of(app, readiness, settings(), sockets).config.timeout_keep_alive > 60
    sockets[0].close()


async def test_connections_beyond_the_limit_are_told_to_come_back(street: Street) -> None:
    first, *others = [await street.client() for _ in range(MOST_CONNECTIONS)]
    for client in (first, *others):
        client.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
        assert await client.answer() == (200, b"ok\n")
    refused = await street.client()
    assert (await refused.rest()).startswith(b"HTTP/1.1 503 ")
    first.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await first.answer() == (200, b"ok\n"), "those that are there are served"


async def test_where_operators_have_a_port_apart_the_public_one_answers_the_public_alone(
    street_and_yard: Street,
) -> None:
    public, management = await street_and_yard.client(0), await street_and_yard.client(1)
    for path in sorted(OPERATIONS):
        expected = 401 if path == "/metrics" else 200  # which asks for a scraper's token besides
        for client, status in ((public, 404), (management, expected)):
            client.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            assert (await client.answer())[0] == status, path
    board = f"GET /status/{'a' * 43} HTTP/1.1\r\nHost: x\r\n\r\n".encode()
    for client, status in ((public, 200), (management, 404)):
        client.say(board)
        assert (await client.answer())[0] == status


async def test_who_comes_by_the_operators_port_waits_behind_no_crowd(
    street_and_yard: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "LATE_S", -1.0)
    monkeypatch.setattr(admission, "_CROWD", 0)
    told = list[set[int]]()
    for port, path in ((0, f"/status/{'a' * 43}"), (1, "/statusz")):
        clients = [await street_and_yard.client(port) for _ in range(MOST_CONNECTIONS)]
        for client in clients:
            client.say(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
        told.append({(await client.answer())[0] for client in clients})
    assert 503 in told[0] and told[1] == {200}


async def test_a_replica_that_is_flooded_still_says_that_it_lives(street_and_yard: Street) -> None:
    for _ in range(MOST_CONNECTIONS):
        client = await street_and_yard.client(0)
        client.say(b"GET /nowhere HTTP/1.1\r\n" + HOST + b"\r\n")
        assert (await client.answer())[0] == 404
    told = await (await street_and_yard.client(0)).rest()
    assert told.startswith(b"HTTP/1.1 503 ") and b"retry-after: " in told
    assert json.loads(told.partition(b"\r\n\r\n")[2])["type"] == "urn:tsukuba-evote:problem:overloaded"
    probe = await street_and_yard.client(1)
    probe.say(b"GET /livez HTTP/1.1\r\n" + HOST + b"\r\n")
    assert await probe.answer() == (200, b"ok\n")


def hold_the_loop(seconds: float) -> None:
    """As whatever takes a processor for long, or leaves none to this process."""
    time.sleep(seconds)


async def test_what_a_request_waits_for_before_anybody_reads_it_is_counted_as_waited(street: Street) -> None:
    client = await street.client()
    client.say(b"POST /arrived HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}")
    sent = time.monotonic()
    hold_the_loop(0.5)
    _, document = await client.answer()
    assert json.loads(document)["at"] < sent + 0.4, "it is in the kernel since then"


async def test_what_a_request_waits_for_behind_another_one_of_its_connection_is_counted_as_waited(
    app: FastAPI, street: Street
) -> None:
    """Of those that come while one is served, the first is read and kept, and what comes later stays in the kernel."""
    app.state.held = asyncio.Event()
    client, arrivals = await street.client(), b"POST /arrived HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}"

    async def passed(moment: float) -> bool:
        return time.monotonic() > moment

    client.say(b"GET /held HTTP/1.1\r\n" + HOST + b"\r\n" + arrivals)
    said = [time.monotonic()]
    await eventually(lambda: passed(said[0] + 0.5))
    client.say(arrivals)
    said.append(time.monotonic())
    await eventually(lambda: passed(said[1] + 0.5))
    app.state.held.set()
    assert await client.answer() == (200, b'{"held":true}')
    for sent in said:
        _, document = await client.answer()
        assert json.loads(document)["at"] < sent + 0.4


async def test_the_kernel_is_asked_once_when_a_head_and_its_body_came_together(
    street: Street, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = list[object]()

    def noted(connection: socket.socket | None) -> float:
        asked.append(connection)
        return waited_s(connection)

    monkeypatch.setattr(connections, "waited_s", noted)
    client = await street.client()
    for times in (1, 2):
        client.say(b"POST /arrived HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}")
        assert (await client.answer())[0] == 200
        assert len(asked) == times


async def test_what_a_slow_line_takes_for_a_body_is_not_counted_as_waited(street: Street) -> None:
    client = await street.client()
    client.say(b"POST /arrived HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\nExpect: 100-continue\r\n\r\n")
    assert b" 100 " in await client.head(), "the body is waited for"
    head_read = time.monotonic()

    async def has_passed() -> bool:
        return time.monotonic() > head_read + 0.3

    await eventually(has_passed)
    body_sent = time.monotonic()
    client.say(b"{}")
    _, document = await client.answer()
    assert json.loads(document)["at"] > body_sent - 0.1, "the kernel counts in its own ticks"


def test_a_port_that_is_taken_is_said_before_anything_is_served() -> None:
    (taken,) = listen(settings())
    taken.listen()
    with taken, pytest.raises(CannotStart, match="can't listen on"):
        listen(settings().model_copy(update={"port": taken.getsockname()[1]}))
