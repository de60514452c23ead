"""More requests than a replica can serve: what waits in the kernel and in the event loop is counted as waited."""

from __future__ import annotations

import asyncio
import socket
import time
from collections.abc import Iterable
from typing import Any

import httpx
import pytest
import uvloop
from evote_platform import admission
from evote_platform.admission import Admission
from evote_platform.app import new_registry
from evote_platform.arrival import ARRIVED_SCOPE_KEY
from evote_platform.bodylimit import AgainWithin, GuardedRoute
from evote_platform.door import LONGEST_S
from evote_platform.entrance import Entrance
from evote_platform.management import MANAGEMENT_SCOPE_KEY
from evote_platform.observer import HttpMetrics
from evote_platform.routing import RouteTable
from fastapi import APIRouter, Depends, FastAPI
from starlette.types import Message, Receive, Scope, Send

from .conftest import SCRAPER

CROWD = 40


def scope(path: str, arrived: float | None) -> Scope:
    found: Scope = {"type": "http", "http_version": "1.1", "method": "GET", "scheme": "http", "query_string": b""}
    found |= {"path": path, "headers": [], "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    return found if arrived is None else found | {ARRIVED_SCOPE_KEY: arrived}


async def nothing() -> Message:
    return {"type": "http.disconnect"}


def hold_the_loop(seconds: float) -> None:
    """As whatever takes a processor for long, or leaves none to this process."""
    time.sleep(seconds)


def test_all_who_wait_at_the_socket_are_let_in_as_the_loop_comes_round() -> None:
    class Guest(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            inside.append(transport)

    async def turns() -> int:
        with socket.create_server(("127.0.0.1", 0)) as listening:
            entrance = Entrance(listening, CROWD, Guest)
            guests = [socket.create_connection(listening.getsockname()) for _ in range(CROWD)]
            turned = 0
            while len(inside) < CROWD:
                await asyncio.sleep(0)
                turned += 1
            entrance.close()
            for transport in inside:
                transport.abort()
            for guest in guests:
                guest.close()
        return turned

    inside: list[Any] = []
    assert uvloop.run(turns()) < CROWD / 4, "one a turn, as uvloop's own servers accept, takes forty"


async def test_no_more_are_let_in_at_once_than_the_descriptors_that_a_replica_keeps() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        entrance = Entrance(listening, 128, asyncio.Protocol)
        guests = [socket.create_connection(listening.getsockname()) for _ in range(100)]
        entrance._accept_many()
        assert len(entrance._coming) < 100
        entrance._accept_many()
        assert len(entrance._coming) == 100
        entrance.close()
        await entrance.wait_closed()
        for guest in guests:
            guest.close()


async def test_who_was_let_in_is_inside_before_the_entrance_is_closed() -> None:
    """Else a server that ends would tell all to go but them."""
    inside = list[asyncio.BaseTransport]()

    class Guest(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            inside.append(transport)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        entrance = Entrance(listening, 1, Guest)
        with socket.create_connection(listening.getsockname()):
            entrance._accept_many()
            assert not inside
            entrance.close()
            await entrance.wait_closed()
            assert len(inside) == 1


async def test_few_are_begun_in_each_turn_of_the_loop_and_in_the_order_of_their_arrival() -> None:
    began: list[tuple[int, int]] = []
    turn = 0

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        began.append((turn, int(scope["path"][1:])))

    async def count() -> None:
        nonlocal turn
        while True:
            await asyncio.sleep(0)
            turn += 1

    async def unanswered(message: Message) -> None:
        raise AssertionError("all are served")

    admitting, counting = (
        Admission(serve, metrics=HttpMetrics(new_registry()), routes=RouteTable([])),
        asyncio.create_task(count()),
    )
    now = time.monotonic() + 600  # none is late, however slow the machine is
    await asyncio.gather(*(admitting(scope(f"/{number}", now), nothing, unanswered) for number in range(CROWD)))
    counting.cancel()
    assert [number for _, number in began] == list(range(CROWD))
    by_turn = [[number for at, number in began if at == each] for each in {at for at, _ in began}]
    assert max(map(len, by_turn)) <= 4


async def test_who_waits_for_a_turn_until_it_is_too_late_is_turned_away() -> None:
    answers: dict[int, list[Message]] = {number: [] for number in range(CROWD)}

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        if scope["path"] == "/3":
            hold_the_loop(admission.LATE_S)
        await send({"type": "http.response.start", "status": 200, "headers": []})

    def send_to(number: int) -> Send:
        async def send(message: Message) -> None:
            answers[number].append(message)

        return send

    admitting, now = Admission(serve, metrics=HttpMetrics(new_registry()), routes=RouteTable([])), time.monotonic()
    await asyncio.gather(
        *(
            # Those of the first turn have come just now, whenever that is.
            admitting(scope(f"/{number}", None if number < 4 else now), nothing, send_to(number))
            for number in range(CROWD)
        )
    )
    statuses = [messages[0]["status"] for messages in answers.values()]
    assert statuses == [200] * 4 + [503] * 20 + [200] * 16, "the last sixteen wait for nobody"
    waits = [int(dict(answers[number][0]["headers"])[b"retry-after"]) for number in range(4, 24)]
    assert all(wait >= 2 for wait in waits)
    assert len(set(waits)) > 1, "they don't come again together"


async def test_who_is_let_in_has_time_left_for_the_door_behind() -> None:
    """A loop with too much to do begins everybody as late as may be: a flood of reads would turn all casts away."""
    late = time.monotonic() - LONGEST_S * 0.6
    assert (await _statuses(scope("/", late) for _ in range(CROWD))).count(503) == 20


async def test_a_browsers_question_whether_it_may_ask_is_never_turned_away() -> None:
    """Fetch Standard, CORS-preflight fetch: a page is not told of a refusal, but of a network error."""
    late = time.monotonic() - 600
    assert set(await _statuses(scope("/", late) | {"method": "OPTIONS"} for _ in range(CROWD))) == {204}


async def test_who_is_late_is_served_where_no_crowd_waits() -> None:
    """A machine that stood still for a moment has room for the few who came meanwhile."""
    late = time.monotonic() - 600
    assert set(await _statuses(scope("/", late) for _ in range(CROWD // 2))) == {204}


async def test_who_is_turned_away_is_counted_by_the_route_that_they_came_for_and_never_by_their_path(
    app: FastAPI, client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is promised of casts and releases is promised to those as well who don't come in."""
    uuid = "1" * 14
    asked = [
        ("GET", f"/elections/{uuid}/things", "/elections/{election_uuid}/things"),
        ("POST", "/things", "/things"),
        ("GET", "/things", "(none)"),
        ("GET", f"/nowhere/{uuid}", "(none)"),
        ("GET", "/statusz", "/statusz"),
    ]
    monkeypatch.setattr(admission, "arrived", lambda _: time.monotonic() - 60)
    for method, path, _ in asked:
        crowd = await asyncio.gather(*(client.request(method, path) for _ in range(CROWD)))
        assert [answer.status_code for answer in crowd].count(503) == 20
    monkeypatch.undo()
    metrics = (await client.get("/metrics", headers=SCRAPER)).text
    counted = [line.partition("{")[2] for line in metrics.splitlines() if "_count{" in line and '_code="503"' in line]
    labels = [
        f'error_type="overloaded",http_request_method="{method}",http_response_status_code="503",http_route="{route}"'
        for method, _, route in asked
    ]
    assert sorted(counted) == sorted(f"{each}}} {20 * labels.count(each)}.0" for each in set(labels))
    assert uuid not in metrics


async def test_who_brings_what_is_void_soon_is_told_to_come_again_before() -> None:
    router = APIRouter(route_class=GuardedRoute)

    @router.get("/kept")
    async def kept() -> None: ...

    @router.get("/aging", dependencies=[Depends(AgainWithin(5.0))])
    async def aging() -> None: ...

    async def serve(scope: Scope, receive: Receive, send: Send) -> None: ...

    async def wait_s(path: str, at: float | None) -> int:
        async def note(message: Message) -> None:
            told.append(message)

        told = list[Message]()
        await admitting(scope(path, at), nothing, note)
        return int(dict(told[0]["headers"])[b"retry-after"]) if told else 0

    admitting = Admission(serve, metrics=HttpMetrics(new_registry()), routes=RouteTable([router]))
    late = time.monotonic() - 60
    admitting._appointments._last = time.monotonic() + 600  # so many were told to come again
    told = await asyncio.gather(*(wait_s(path, late) for path in ["/kept", "/aging"] * CROWD))
    kept_s, aging_s = ([wait for wait in told[first::2] if wait] for first in (0, 1))
    assert min(kept_s) >= 30 and max(aging_s) <= 5 and kept_s and aging_s


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/metrics"])
async def test_what_programs_ask_every_few_seconds_is_never_turned_away(path: str) -> None:
    late = time.monotonic() - 600
    assert set(await _statuses(scope(path, late) for _ in range(CROWD))) == {204}


@pytest.mark.parametrize("path", ["/statusz", "/openapi.json"])
async def test_what_operators_ask_is_never_turned_away_at_their_own_port(path: str) -> None:
    """Where they have none, anybody may ask for it, and a question to Kafka and the database costs more than most."""
    late = time.monotonic() - 600
    assert (await _statuses(scope(path, late) for _ in range(CROWD))).count(503) == 20
    by_the_yard = ({**scope(path, late), MANAGEMENT_SCOPE_KEY: True} for _ in range(CROWD))
    assert set(await _statuses(by_the_yard)) == {204}


async def _statuses(scopes: Iterable[Scope]) -> list[int]:
    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 204, "headers": []})

    async def status(asked: Scope) -> int:
        async def note(message: Message) -> None:
            told.append(message)

        told = list[Message]()
        await admitting(asked, nothing, note)
        status: int = told[0]["status"]
        return status

    admitting = Admission(serve, metrics=HttpMetrics(new_registry()), routes=RouteTable([]))
    return await asyncio.gather(*map(status, scopes))
