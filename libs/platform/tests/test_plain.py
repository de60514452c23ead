"""Plain routes: answered as FastAPI would answer them, and past its layers."""

from __future__ import annotations

import gc
import weakref
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Annotated, Any

import httpx
import pytest
from evote_platform.app import create_app
from evote_platform.bodylimit import GuardedRoute
from evote_platform.health import Readiness
from evote_platform.paths import ElectionUuidPath
from evote_platform.problems import Problem, ProblemTable, kind
from fastapi import APIRouter, Depends, FastAPI, Query, Request, Response, Security
from fastapi.security.http import HTTPBase
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from prometheus_client import CollectorRegistry

ELECTION = "1" * 14
CLOSED = kind("closed", 403, ("締め切られました", "締め切りました。"), ("Closed", "It is closed."))
_access = HTTPBase(scheme="Access", auto_error=False)
router = APIRouter(route_class=GuardedRoute)


async def asked(request: Request) -> None:
    request.scope["asked"] = ["asked"]


async def service(request: Request) -> str:
    if request.headers.get("x-closed"):
        raise Problem(CLOSED)
    return str(request.app.title)


async def reader(request: Request, _: Annotated[object, Security(_access)]) -> str:
    return request.headers.get("authorization", "the public")


async def generated() -> AsyncIterator[int]:
    yield 1


def in_a_thread() -> int:
    return 1


Service, ReaderOf = Annotated[str, Depends(service)], Annotated[str, Depends(reader)]


async def _answer(request: Request, election_uuid: str, place: str, number: int, given: tuple[str, str]) -> Response:
    if place == "broken":
        raise RuntimeError("secret of a voter")
    if place == "closed":
        raise Problem(CLOSED)
    if place == "file":
        raise FileNotFoundError
    if place == "held":
        refusal = Problem(CLOSED)
        raise refusal
    body = await request.body()
    found = f"{election_uuid} {place} {number} {given} {request.scope['asked']} {len(body)}"
    request.scope["asked"].append("fastapi_inner_astack" in request.scope)
    return Response(found, status_code=201, headers={"X-Own": "yes"})


@router.post("/plain/{election_uuid}/{number}/{place:path}", dependencies=[Depends(asked)])
async def plain(
    election_uuid: ElectionUuidPath, place: str, number: int, request: Request, service: Service, reader: ReaderOf
) -> Response:
    return await _answer(request, election_uuid, place, number, (service, reader))


@router.post("/other/{election_uuid}/{number}/{place:path}", dependencies=[Depends(asked)])
async def other(
    election_uuid: ElectionUuidPath,
    place: str,
    number: int,
    request: Request,
    service: Service,
    reader: ReaderOf,
    _: Annotated[int, Query()] = 0,
) -> Response:
    return await _answer(request, election_uuid, place, number, (service, reader))


async def _bare() -> Response:
    return Response()


async def _made() -> dict[str, str]:
    return {}


async def _asks_twice(one: Service, two: Service) -> Response:
    return Response(one + two)


@router.post("/read")
async def read(body: dict[str, str]) -> Response:
    return Response(str(body))


async def _adds(response: Response) -> Response:
    return response


async def _generates(one: Annotated[int, Depends(generated)]) -> Response:
    return Response(str(one))


async def _waits(one: Annotated[int, Depends(in_a_thread)]) -> Response:
    return Response(str(one))


def _blocks() -> Response:
    return Response()


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def app(readiness: Readiness) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    return create_app(
        service_name="example",
        version="1.2.3",
        lifespan=lifespan,
        routers=[router],
        problems=ProblemTable([], raised=[CLOSED]),
        readiness=readiness,
        registry=CollectorRegistry(),
    )


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client


@pytest.mark.parametrize(
    ("endpoint", "is_plain"),
    [
        (_bare, True),
        (plain, True),
        (other, False),
        (_made, False),
        (_asks_twice, False),
        (read, False),
        (_adds, False),
        (_generates, False),
        (_waits, False),
        (_blocks, False),
    ],
)
def test_a_route_is_plain_that_asks_for_its_path_and_makes_its_answer(endpoint: Any, is_plain: bool) -> None:
    route = GuardedRoute("/{election_uuid}/{number}/{place:path}", endpoint, methods=["POST"])
    assert (route.plain_handler is not None) is is_plain


@pytest.mark.parametrize("headers", [{}, {"X-Closed": "yes"}, {"Authorization": "Access of-an-auditor"}])
@pytest.mark.parametrize(
    "path", [f"{ELECTION}/7/a/b%2Fc", f"{ELECTION}/seven/x", "0/7/x", "0/seven/x", f"{ELECTION}/7/closed"]
)
async def test_a_plain_route_is_answered_as_fastapi_would(
    client: httpx.AsyncClient, path: str, headers: dict[str, str]
) -> None:
    ours, theirs = [await client.post(f"/{way}/{path}", content=b"vote", headers=headers) for way in ("plain", "other")]
    assert (ours.status_code, ours.json() if ours.status_code > 400 else ours.text) == (
        theirs.status_code,
        theirs.json() if theirs.status_code > 400 else theirs.text,
    )
    different = {"x-request-id"}
    assert {k: v for k, v in ours.headers.items() if k not in different} == {
        k: v for k, v in theirs.headers.items() if k not in different
    }


def scope_of(way: str, place: str = "x") -> dict[str, Any]:
    path = f"/{way}/{ELECTION}/7/{place}"
    named = {"type": "http", "method": "POST", "path": path, "raw_path": path.encode(), "query_string": b""}
    return {**named, "headers": [], "client": None, "server": None, "root_path": ""}


async def send_nowhere(_: Any) -> None: ...


async def test_a_plain_route_passes_none_of_fastapis_layers(app: FastAPI) -> None:
    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    ours, theirs = scope_of("plain"), scope_of("other")
    await app(ours, receive, send_nowhere)
    await app(theirs, receive, send_nowhere)
    assert (ours["asked"][-1], theirs["asked"][-1]) == (False, True)


class Held:
    """By a request."""


@pytest.fixture
def no_collection() -> Iterator[None]:
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("place", ["aborted", "broken", "file", "held", "closed", "x"])
@pytest.mark.parametrize("way", ["plain", "other"])
async def test_a_request_that_failed_is_gone_before_garbage_is_collected(app: FastAPI, way: str, place: str) -> None:
    """A service collects seldom, and who aborts casts must not fill its memory with their bodies."""

    async def request() -> weakref.ref[Held]:
        held = Held()
        parts: list[dict[str, Any]] = [{"type": "http.request", "body": b"vote", "more_body": place == "aborted"}]

        async def receive() -> dict[str, Any]:
            return parts.pop() if parts else {"type": "http.disconnect"}

        await app({**scope_of(way, place), "test.held": held}, receive, send_nowhere)
        return weakref.ref(held)

    requests = [await request() for _ in range(3)]
    assert [held() for held in requests] == [None] * 3


async def test_other_methods_and_places_are_fastapis_to_refuse(client: httpx.AsyncClient) -> None:
    wrong = await client.get(f"/plain/{ELECTION}/7/x")
    assert (wrong.status_code, wrong.headers["allow"]) == (405, "POST")
    assert (await client.post("/plain")).status_code == 404


async def test_what_goes_wrong_unexpectedly_gives_nothing_away(client: httpx.AsyncClient) -> None:
    broken = await client.post(f"/plain/{ELECTION}/7/broken")
    assert broken.status_code == 500
    assert "secret" not in broken.text


async def test_a_replica_that_does_not_serve_reads_no_body(client: httpx.AsyncClient, readiness: Readiness) -> None:
    async def projection() -> bool:
        return False

    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("read")
        yield b""

    readiness.register("projection", projection)
    for path in (f"/plain/{ELECTION}/7/x", f"/other/{ELECTION}/7/x", "/read"):
        refused = await client.post(path, content=body(), headers={"Content-Type": "application/json"})
        assert refused.json()["type"].endswith(":out-of-service")


async def test_fastapi_has_no_spans_of_requests_whatever_library_sets_a_global_provider(
    client: httpx.AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its own would begin at the ``traceparent`` of whoever asks, and name the path, with the tracker in it."""
    spans, provider = InMemorySpanExporter(), TracerProvider(shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(spans))
    monkeypatch.setattr(trace, "_TRACER_PROVIDER", provider)
    with trace.get_tracer("a library").start_as_current_span("of a library"):
        pass
    for way in ("plain", "other"):
        await client.post(f"/{way}/{ELECTION}/7/x", headers={"traceparent": f"00-{'1' * 32}-{'1' * 16}-01"})
    assert [span.name for span in spans.get_finished_spans()] == ["of a library"]
