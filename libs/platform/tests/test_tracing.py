from __future__ import annotations

import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_local.nodes.otlp import OtlpReceiver
from evote_local.testbed import eventually
from evote_platform import tracing
from evote_platform.app import create_app
from evote_platform.bodylimit import GuardedRoute
from evote_platform.health import Readiness
from evote_platform.problems import NOT_FOUND, Problem, ProblemTable
from evote_platform.production import require_encrypted_traces
from evote_platform.settings import CannotStart, Environment
from evote_platform.tracing import TRACED, announced, asking, following, span
from fastapi import APIRouter, Depends, FastAPI
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry
from pydantic import ValidationError

from .example_service import ExampleSettings
from .test_program import settings

pytestmark = pytest.mark.skipif(
    "faketime" in os.environ.get("LD_PRELOAD", ""),
    reason="under libfaketime a thread never ends to wait for a queue with a limit; the exporter's does nothing else",
)

router = APIRouter(route_class=GuardedRoute)
STRANGER = "0af7651916cd43dd8448eb211c80319c"
FROM_OUTSIDE = {
    "traceparent": f"00-{STRANGER}-b7ad6b7169203331-01",
    "tracestate": "vendor=secret-of-a-page",
    "baggage": "voter=secret-of-a-page",
    "b3": f"{STRANGER}-b7ad6b7169203331-1",
}


@router.post("/commands/{name}", dependencies=[Depends(TRACED)])
async def command(name: str) -> dict[str, str]:
    if name == "refused":
        raise Problem(NOT_FOUND)
    if name == "broken":
        raise RuntimeError("secret of a voter")
    began_ns = time.time_ns()
    with asking("ask", {"server.address": "elsewhere"}):
        pass
    announced(name, "evote.elections", began_ns)
    return {}


@router.post("/votes")
async def vote() -> dict[str, str]:
    return {}


@pytest.fixture
def app() -> FastAPI:
    return create_app(
        service_name="example",
        version="1",
        lifespan=lambda _: pytest.fail("not started"),
        routers=[router],
        problems=ProblemTable(),
        readiness=Readiness(),
        registry=CollectorRegistry(),
    )


@pytest.fixture
def client(app: FastAPI) -> httpx.AsyncClient:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://service", headers=FROM_OUTSIDE)


@pytest.fixture
def receiver() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


def named(receiver: OtlpReceiver) -> dict[str, Span]:
    return {span.name: span for span in receiver.spans("example")}


def attributes(span: Span) -> dict[str, Any]:
    return {
        pair.key: pair.value.int_value if pair.value.HasField("int_value") else pair.value.string_value
        for pair in span.attributes
    }


async def test_a_command_and_what_follows_from_it_are_followed_and_nothing_that_came_with_it_is(
    client: httpx.AsyncClient, receiver: OtlpReceiver
) -> None:
    with tracing.traces("example", "1", receiver.endpoint("example"), CollectorRegistry()):
        answer = await client.post("/commands/opened")
        with span("elsewhere", {}):  # whatever goes on in the service that reads the event
            following("opened", "evote.elections").end()
    assert not {"traceparent", "tracestate", "baggage"} & set(answer.headers)
    spans = named(receiver)
    served, asked = spans["POST /commands/{name}"], spans["ask"]
    published, processed = spans["publish evote.elections"], spans["process evote.elections"]
    assert asked.parent_span_id == served.span_id and asked.trace_id == served.trace_id
    assert [link.trace_id for link in published.links] == [served.trace_id]
    assert [link.trace_id for link in served.links] == [published.trace_id]
    assert processed.trace_id == published.trace_id and processed.parent_span_id == published.span_id
    assert served.parent_span_id == published.parent_span_id == b""
    assert attributes(served)["http.response.status_code"] == 200
    for exported in receiver.exported:
        assert bytes.fromhex(STRANGER) not in exported.body and b"secret" not in exported.body
        for of_resource in exported.request.resource_spans:
            about = {pair.key for pair in of_resource.resource.attributes}
            assert about == {"service.name", "service.version"}
    for each in spans.values():
        assert attributes(each).keys() <= tracing.ALLOWED_ATTRIBUTES and not each.trace_state and not each.events


async def test_a_route_that_does_not_say_so_has_no_span_though_the_client_asks_for_one(
    client: httpx.AsyncClient, receiver: OtlpReceiver
) -> None:
    with tracing.traces("example", "1", receiver.endpoint("example"), CollectorRegistry()):
        assert (await client.post("/votes")).status_code == 200
        assert (await client.post("/nowhere")).status_code == 404
        await client.post("/commands/opened")
    assert set(named(receiver)) == {"POST /commands/{name}", "ask", "publish evote.elections"}


@pytest.mark.parametrize(
    ("name", "status", "problem"), [("refused", 404, "not-found"), ("broken", 500, "internal-error")]
)
async def test_a_span_tells_the_problem_and_no_message(
    client: httpx.AsyncClient, receiver: OtlpReceiver, name: str, status: int, problem: str
) -> None:
    with tracing.traces("example", "1", receiver.endpoint("example"), CollectorRegistry()):
        await client.post(f"/commands/{name}")
    told = attributes(named(receiver)["POST /commands/{name}"])
    assert (told["http.response.status_code"], told["evote.problem"]) == (status, problem)
    assert b"secret" not in b"".join(exported.body for exported in receiver.exported)


async def test_an_error_inside_is_told_by_its_type_alone(receiver: OtlpReceiver) -> None:
    told = tracing.traces("example", "1", receiver.endpoint("example"), CollectorRegistry())
    with told, pytest.raises(RuntimeError), span("work", {}):
        raise RuntimeError("secret of a voter")
    assert attributes(named(receiver)["work"]) == {"error.type": "RuntimeError"}
    assert b"secret" not in receiver.exported[0].body


def counted(registry: CollectorRegistry, outcome: str) -> float:
    return registry.get_sample_value("evote_trace_spans_total", {"outcome": outcome}) or 0


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tracing, "EXPORT_TIMEOUT_S", 0.5)


@pytest.mark.usefixtures("impatient")
async def test_a_collector_that_hangs_stops_nobody_and_what_is_dropped_is_counted() -> None:
    registry, beyond = CollectorRegistry(), 100
    deaf = socket.create_server(("127.0.0.1", 0))  # takes the connection and never answers
    endpoint = f"http://127.0.0.1:{deaf.getsockname()[1]}/v1/traces"
    with deaf, tracing.traces("example", "1", endpoint, registry):
        # Whatever the thread holds and the queue takes, there are more; and ending a span waits for neither.
        for _ in range(20 * tracing.MOST_WAITING):
            with span("work", {}):
                pass
        assert counted(registry, "dropped") >= beyond


@pytest.mark.usefixtures("impatient")
async def test_what_a_collector_that_is_away_does_not_take_is_counted() -> None:
    registry = CollectorRegistry()
    with socket.create_server(("127.0.0.1", 0)) as gone:
        port = gone.getsockname()[1]
    with tracing.traces("example", "1", f"http://127.0.0.1:{port}/v1/traces", registry):
        with span("work", {}):
            pass

        async def dropped() -> bool:
            return counted(registry, "dropped") == 1

        await eventually(dropped)
    assert counted(registry, "delivered") == 0


async def test_without_an_endpoint_there_is_nothing(client: httpx.AsyncClient) -> None:
    registry = CollectorRegistry()
    with tracing.traces("example", "1", None, registry):
        assert (await client.post("/commands/opened")).status_code == 200
        assert not following("opened", "evote.elections").is_recording()
    assert list(registry.collect()) == []


@pytest.mark.parametrize(
    "endpoint",
    ["collector:4318", "grpc://collector:4317", "http://collector", "http://u:p@collector/v1/traces", "http://[/v1"],
)
def test_an_endpoint_that_is_none_is_refused_with_an_example(endpoint: str) -> None:
    with pytest.raises(ValidationError, match=r"https://collector:4318/v1/traces"):
        settings(traces_endpoint=endpoint)


def test_production_sends_its_spans_over_no_open_wire() -> None:
    def given(endpoint: str) -> ExampleSettings:
        return settings(traces_endpoint=endpoint, environment=Environment.PRODUCTION)

    require_encrypted_traces(given("https://collector.example/v1/traces"))
    require_encrypted_traces(given("http://127.0.0.1:4318/v1/traces"))
    with pytest.raises(CannotStart, match="EVOTE_TRACES_ENDPOINT takes an https URL"):
        require_encrypted_traces(given("http://collector.example:4318/v1/traces"))


def test_the_programs_spans_arrive_and_its_libraries_have_none(tmp_path: Path, receiver: OtlpReceiver) -> None:
    """OpenTelemetry's global provider stays the one that does nothing."""
    from opentelemetry import trace

    with tracing.traces("example", "1", receiver.endpoint("example"), CollectorRegistry()):
        with trace.get_tracer("a library").start_as_current_span("of a library"):
            pass
        with span("ours", {}):
            pass
    assert set(named(receiver)) == {"ours"}
