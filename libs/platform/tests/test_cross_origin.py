"""The residents' front reads what services answer residents; no other page does, and no page reads what officers do."""

from __future__ import annotations

import asyncio
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from evote_local.nodes.ports import free_port
from evote_platform import admission
from evote_platform.access import Access, limit_address
from evote_platform.answering import Addition, route_adding
from evote_platform.app import create_app, new_registry
from evote_platform.bodylimit import BodyUpTo, GuardedRoute
from evote_platform.caching import public_for
from evote_platform.cross_origin import FrontRoute
from evote_platform.health import Readiness
from evote_platform.problems import Problem, ProblemTable, kind
from evote_platform.ratelimit import per_minute
from evote_platform.roster import RosterFile
from evote_platform.settings import ServiceSettings
from evote_platform.wording import Words
from fastapi import APIRouter, Depends, FastAPI
from pydantic import ValidationError

from .conftest import NOW, SCRAPER, Example
from .test_program import serve_in_production
from .test_server import Running

FRONT, BOARD, ELSEWHERE = "https://vote.example.jp", "https://board.example.jp:8443", "https://evil.example.jp"
LATE = kind("late", 503, ("遅れています", "待ってください。"), ("Late", "Wait."), retry_after_s=9)

residents = APIRouter(route_class=FrontRoute)
limited = APIRouter(
    route_class=route_adding(FrontRoute, Addition({"other_ways": ["card"]}, Words("", ""))),
    dependencies=[Depends(limit_address), Depends(BodyUpTo(10))],
)
officers = APIRouter(route_class=GuardedRoute)


@residents.get("/board", dependencies=[Depends(public_for(7))])
async def board() -> dict[str, str]:
    return {"answer": "the same"}


@residents.get("/late")
async def late() -> None:
    raise Problem(LATE)


@residents.get("/broken")
async def broken() -> None:
    raise RuntimeError


@limited.post("/releases")
async def release(body: dict[str, str]) -> dict[str, str]:
    return body


@officers.get("/releases")
async def releases() -> dict[str, str]:
    return {"of": "everybody"}


@pytest.fixture
def app(roster: Path) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(
        service_name="example",
        version="1.2.3",
        lifespan=lifespan,
        routers=[officers, residents, limited],
        problems=ProblemTable(raised=[LATE]),
        readiness=Readiness(),
        registry=new_registry(),
        front_origins={FRONT, BOARD},
    )
    app.state.service = Example(Access("example", RosterFile(roster), lambda: NOW), per_minute(2))
    return app


def shared_with(answer: httpx.Response) -> str | None:
    """The origin whose page may read the answer."""
    assert "access-control-allow-credentials" not in answer.headers
    return answer.headers.get("access-control-allow-origin")


def varies_by(answer: httpx.Response) -> set[str]:
    return {name.strip().lower() for name in answer.headers.get("vary", "").split(",")} - {""}


async def preflight(client: httpx.AsyncClient, path: str, method: str, origin: str = FRONT) -> httpx.Response:
    asked = {
        "Origin": origin,
        "Access-Control-Request-Method": method,
        "Access-Control-Request-Headers": "content-type",
    }
    return await client.options(path, headers=asked)


@pytest.mark.parametrize("origin", [FRONT, BOARD])
async def test_the_front_reads_an_answer_its_tag_and_when_to_come_back(client: httpx.AsyncClient, origin: str) -> None:
    first = await client.get("/board", headers={"Origin": origin})
    assert shared_with(first) == origin and varies_by(first) == {"origin", "authorization"}
    assert first.headers["access-control-expose-headers"] == "ETag, Retry-After"
    again = await client.get("/board", headers={"Origin": origin, "If-None-Match": first.headers["etag"]})
    assert again.status_code == 304
    assert shared_with(again) == origin and varies_by(again) == {"origin", "authorization"}


@pytest.mark.parametrize(
    "origin",
    [
        ELSEWHERE,
        "null",
        "*",
        "",
        FRONT + "/",
        FRONT + ":443",
        FRONT.upper(),
        "http://vote.example.jp",
        f"{FRONT}, {FRONT}",
    ],
)
async def test_a_page_of_another_origin_reads_nothing(client: httpx.AsyncClient, origin: str) -> None:
    answer = await client.get("/board", headers={"Origin": origin})
    assert answer.status_code == 200 and shared_with(answer) is None
    # or a cache would give the front what it kept for another page
    assert "origin" in varies_by(answer)
    asked = await preflight(client, "/releases", "POST", origin)
    assert asked.status_code == 405 and shared_with(asked) is None
    assert not {name for name in asked.headers if name.startswith("access-control-")}


async def test_the_front_reads_every_problem_of_its_routes(client: httpx.AsyncClient) -> None:
    front = {"Origin": FRONT}
    answers = [
        await client.get("/late", headers=front),
        await client.get("/broken", headers=front),
        await client.put("/board", headers=front),
        await client.post("/releases", headers=front, content=b"x" * 11),
        await client.post("/releases", headers=front, json=[]),
        await client.post("/releases", headers=front, json={}),
    ]
    assert [answer.status_code for answer in answers] == [503, 500, 405, 413, 422, 429]
    assert [shared_with(answer) for answer in answers] == [FRONT] * 6
    assert all(answer.headers["content-type"] == "application/problem+json" for answer in answers)
    assert all("Retry-After" in answers[at].headers["access-control-expose-headers"] for at in (0, -1))


async def test_the_front_reads_when_to_come_again_where_nobody_looked_what_it_wants(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admission, "arrived", lambda _: time.monotonic() - 60)
    turned_away = 0
    for origin in (FRONT, ELSEWHERE):
        crowd = await asyncio.gather(*(client.get("/board", headers={"Origin": origin}) for _ in range(40)))
        refusals = [answer for answer in crowd if answer.status_code == 503]
        assert refusals
        for answer in refusals:
            assert answer.headers["content-type"] == "application/problem+json"
            assert shared_with(answer) == (origin if origin == FRONT else None)
            assert "origin" in varies_by(answer)
            assert int(answer.headers["Retry-After"]) >= 2
            assert answer.headers["cache-control"] == "no-store"
        turned_away += len(refusals)
    monkeypatch.undo()
    metrics = (await client.get("/metrics", headers=SCRAPER)).text
    assert f'evote_problems_total{{type="overloaded"}} {turned_away}.0' in metrics.splitlines()


async def test_a_browser_that_asks_first_is_told_what_the_front_sends_and_need_not_ask_again_soon(
    client: httpx.AsyncClient,
) -> None:
    for path, method in (("/releases", "POST"), ("/board", "GET")):
        answer = await preflight(client, path, method)
        assert answer.status_code == 204 and shared_with(answer) == FRONT
        assert answer.headers["access-control-allow-methods"] == method
        assert answer.headers["access-control-allow-headers"] == "Content-Type, If-None-Match"
        assert answer.headers["access-control-max-age"] == "7200"
        assert "origin" in varies_by(answer)


async def test_asking_first_takes_nothing_of_an_addresses_share(client: httpx.AsyncClient) -> None:
    for _ in range(5):
        assert (await preflight(client, "/releases", "POST")).status_code == 204
    sent = [(await client.post("/releases", headers={"Origin": FRONT}, json={})).status_code for _ in range(3)]
    assert sent == [200, 200, 429]


async def test_asking_first_is_counted_by_its_route(client: httpx.AsyncClient, app: FastAPI) -> None:
    for _ in range(10):  # successes are shown in tens
        await preflight(client, "/releases", "POST")
    await preflight(client, "/nowhere", "POST")
    counted = await client.get("/metrics", headers=SCRAPER)
    for route, status, count in (("/releases", 204, 10), ("(none)", 404, 1)):
        labels = (
            f'error_type="",http_request_method="OPTIONS",http_response_status_code="{status}",http_route="{route}"'
        )
        assert f"http_server_request_duration_seconds_count{{{labels}}} {count}.0" in counted.text


@pytest.mark.parametrize(
    ("path", "method"), [("/releases", "GET"), ("/livez", "GET"), ("/statusz", "GET"), ("/board", "POST")]
)
async def test_no_page_is_let_at_what_is_not_the_fronts(client: httpx.AsyncClient, path: str, method: str) -> None:
    """An officers' route keeps apart even where it has the path of a residents' one."""
    asked = await preflight(client, path, method)
    assert asked.status_code == 405 and "access-control-allow-methods" not in asked.headers
    if method == "GET":
        assert shared_with(await client.get(path, headers={"Origin": FRONT})) is None


@pytest.fixture(scope="module")
def with_front(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    service = Running(free_port(), tmp_path_factory.mktemp("front") / "log", front_origins=f"{FRONT}, {BOARD}")
    yield service
    service.process.kill()
    service.process.wait()


def test_a_service_lets_the_pages_read_that_its_setting_names(with_front: Running) -> None:
    answer = with_front.get("/address", headers={"Origin": BOARD})
    assert answer.json() == {"address": "127.0.0.1"} and shared_with(answer) == BOARD
    assert shared_with(with_front.get("/address", headers={"Origin": ELSEWHERE})) is None


def test_what_a_browser_adds_to_every_request_is_neither_logged_nor_answered(with_front: Running) -> None:
    added = {
        "Origin": FRONT,
        "Referer": f"{FRONT}/marked",
        "User-Agent": "marked",
        "Accept-Language": "ja-marked",
        "Cookie": "id=marked",
        "Sec-CH-UA": '"marked"',
    }
    answer = with_front.get("/address?marked", headers=added)
    assert "set-cookie" not in answer.headers and "marked" not in answer.text + str(answer.headers)
    with_front.wait_for(lambda: answer.headers["x-request-id"] in with_front.log.read_text())
    log = with_front.log.read_text()
    assert "marked" not in log and "vote.example.jp" not in log


@pytest.mark.parametrize(
    "origins",
    [
        "*",
        "https://*.example.jp",
        "https://vote.example.jp/",
        "https://vote.example.jp/vote",
        "https://vote.example.jp?a",
        "https://vote.example.jp:443",
        "http://localhost:80",
        "https://vote.example.jp:65536",
        "https://Vote.example.jp",
        "https://投票.example.jp",
        "https://user@vote.example.jp",
        "vote.example.jp",
        "null",
        "file://",
        "https://vote.example.jp,",
        "https://vote.example.jp https://board.example.jp",
    ],
)
def test_an_origin_that_no_browser_would_send_is_refused_at_the_start(origins: str) -> None:
    named = {
        "kafka_bootstrap": "nowhere:1",
        "database_url": "postgresql://nowhere",
        "roster_file": "nowhere",
        "port": 0,
    }
    with pytest.raises(ValidationError, match="name origins as browsers write them"):
        ServiceSettings(**named, front_origins=origins)
    allowed = "https://xn--9kqu5w.example.jp:8443,http://127.0.0.1:5173, http://[::1]:5173"
    assert len(ServiceSettings(**named, front_origins=allowed).origins()) == 3
    assert ServiceSettings(**named, front_origins="").origins() == frozenset()


def test_production_lets_no_page_read_that_came_over_a_plain_wire() -> None:
    done: subprocess.CompletedProcess[str] = serve_in_production(
        {"EVOTE_FRONT_ORIGINS": f"{FRONT},http://vote.example.jp"}
    )
    assert done.returncode == 2
    assert "EVOTE_FRONT_ORIGINS takes https origins" in done.stderr and len(done.stderr.splitlines()) == 1
