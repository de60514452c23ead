"""The Collector of deploy/monitoring, with the configuration that is shipped: what arrives behind it, byte for byte.

`make collector` builds it; without it these tests are skipped.
"""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import httpx
import pytest
from evote_local.nodes.collector import CONFIG, PROGRAM, Collector
from evote_local.nodes.otlp import Exported, OtlpReceiver
from evote_local.testbed import wait_until
from evote_platform import tracing
from evote_platform.tracing import ALLOWED_ATTRIBUTES, announced, asking, following, span, traces
from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from prometheus_client import CollectorRegistry

from ..collected import as_passed, whole

PIPELINES = ("auth", "ballot")
_WITHIN_S = 50
SECRET = "secret of a voter"
# As a client that is instrumented would tell of itself, and whoever wants to be found again behind the Collector.
FROM_OUTSIDE = {
    "traceparent": "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
    "tracestate": f"vendor={SECRET.replace(' ', '-')}",
    "baggage": "voter=secret-of-a-voter",
    "x-evote": SECRET,
}

pytestmark = [
    pytest.mark.skipif(not PROGRAM.exists(), reason="make collector builds the Collector"),
    pytest.mark.stack,
]


@pytest.fixture(scope="module")
def behind() -> Iterator[OtlpReceiver]:
    with OtlpReceiver() as receiver:
        yield receiver


@pytest.fixture(scope="module")
def collectors(behind: OtlpReceiver, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Collector]]:
    with ExitStack() as running:
        yield {
            pipeline: running.enter_context(
                Collector(tmp_path_factory.mktemp(pipeline), [f"evote-{pipeline}"], behind.endpoint(pipeline))
            )
            for pipeline in PIPELINES
        }


@pytest.fixture
def auth(collectors: dict[str, Collector]) -> Collector:
    return collectors["auth"]


def test_what_a_service_exports_passes_whole(
    auth: Collector, behind: OtlpReceiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_TRACES_CERTIFICATE", str(auth.certificate))
    for general in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        # A machine's own list would go before it.
        monkeypatch.delenv(general, raising=False)
    # In one export, also where this thread stands still between two spans.
    monkeypatch.setattr(tracing, "_LONGEST_WAIT_S", 60.0)
    _export(auth.endpoint)
    mine = {one.name: one for exported in _arrived(behind, "auth", _names_its_last_span) for one in _spans(exported)}
    assert mine.keys() >= {"count", "ask witness", "publish elections", "process elections"}
    assert mine["process elections"].parent_span_id == mine["publish elections"].span_id
    assert [link.trace_id for link in mine["publish elections"].links] == [mine["count"].trace_id]
    assert mine["ask witness"].parent_span_id == mine["count"].span_id

    # The same bytes, straight and by the Collector: what was sent is what arrived, without the library's name, and with
    # its attributes in the order of the list.
    _export(behind.endpoint("straight"))
    (straight,) = _arrived(behind, "straight", _names_its_last_span)
    assert {pair.key for one in _spans(straight) for pair in one.attributes} <= ALLOWED_ATTRIBUTES
    before = len(_of(behind, "auth"))
    assert post(auth, straight.body).status_code == 200
    wait_until(lambda: len(_of(behind, "auth")) > before)
    passed = _of(behind, "auth")[before].request
    assert whole(passed) == whole(as_passed(straight.request))


@pytest.mark.parametrize("kind", ["application/x-protobuf", "application/json"])
def test_whatever_else_otlp_can_carry_does_not_arrive(kind: str, auth: Collector, behind: OtlpReceiver) -> None:
    forged = ExportTraceServiceRequest()
    _fill(forged)
    for of_resource in forged.resource_spans:
        of_resource.resource.attributes.append(_pair("service.name", "evote-auth"))
        for of_scope in of_resource.scope_spans:
            for one in of_scope.spans:
                one.name = "close ballot box"
                one.kind, one.status.code, one.flags = Span.SPAN_KIND_SERVER, 2, 0xFFFFFFFF
                one.trace_id, one.span_id, one.parent_span_id = b"t" * 16, b"s" * 8, b"p" * 8
                one.start_time_unix_nano, one.end_time_unix_nano = 1, 2
                for link in one.links:
                    link.trace_id, link.span_id, link.flags = b"l" * 16, b"k" * 8, 0x101
                one.attributes.append(_pair("http.route", "/elections"))
    said = forged.SerializeToString()
    assert said.count(SECRET.encode()) > 20, "or there was nothing to leave out"

    before = len(_of(behind, "auth"))
    # A member of tomorrow's OTLP, number 99, of which today's program knows nothing.
    unknown = b"\x9a\x06" + bytes([len(SECRET)]) + SECRET.encode()
    body = said + unknown if kind.endswith("protobuf") else _as_json(forged)
    assert post(auth, body, kind).status_code == 200
    wait_until(lambda: len(_of(behind, "auth")) > before)
    (arrived,) = _of(behind, "auth")[before:]

    span = Span(
        name="close ballot box",
        kind=Span.SPAN_KIND_SERVER,
        trace_id=b"t" * 16,
        span_id=b"s" * 8,
        parent_span_id=b"p" * 8,
        flags=0x301,
        start_time_unix_nano=1,
        end_time_unix_nano=2,
        attributes=[_pair("http.route", "/elections")],
        links=[Span.Link(trace_id=b"l" * 16, span_id=b"k" * 8, flags=0x101)] * 2,
    )
    span.status.code = 2
    expected = ExportTraceServiceRequest()
    for _ in forged.resource_spans:
        of_resource = expected.resource_spans.add()
        of_resource.resource.attributes.append(_pair("service.name", "evote-auth"))
        of_scope = of_resource.scope_spans.add()
        of_scope.scope.Clear()
        of_scope.spans.extend([span] * 4)
    assert whole(arrived.request) == whole(expected)
    assert b"secret" not in arrived.body
    assert arrived.headers.keys() <= {
        *("host", "user-agent", "content-length", "content-type", "content-encoding", "accept-encoding")
    }
    assert "secret" not in str(arrived.headers)


def test_an_allowed_attribute_is_no_bag_for_others_and_a_name_no_number(auth: Collector, behind: OtlpReceiver) -> None:
    bags = [
        AnyValue(string_value=SECRET * 10),
        AnyValue(bytes_value=SECRET.encode()),
        AnyValue(double_value=0.1234),
        AnyValue(array_value={"values": [{"string_value": SECRET}]}),
        AnyValue(kvlist_value={"values": [_pair("a", SECRET)]}),
    ]
    spans = [
        Span(name=f"release to {number}", attributes=[KeyValue(key="evote.problem", value=bag)])
        for number, bag in enumerate(bags)
    ]
    spans.append(Span(name="x" * 129, attributes=[_pair("evote.problem", "not-found")]))
    assert post(auth, _request("evote-auth", *spans)).status_code == 200
    (arrived,) = _arrived(behind, "auth", lambda one: b"(not a name)" in one.body)
    assert [one.name for one in _spans(arrived)] == ["(not a name)"] * 6
    assert [list(one.attributes) for one in _spans(arrived)] == [[]] * 5 + [[_pair("evote.problem", "not-found")]]


def test_spans_that_were_sent_to_the_other_pipeline_are_not_where_its_spans_are_searched(
    collectors: dict[str, Collector], behind: OtlpReceiver
) -> None:
    both = ExportTraceServiceRequest()
    for service in ("evote-ballot", "evote-auth", "", "evote-auth, evote-ballot"):
        both.MergeFromString(_request(service, Span(name=f"of {service}")))
    for collector in collectors.values():
        assert post(collector, _request("evote-tally", Span(name="of evote-tally"))).status_code == 200
        assert post(collector, both.SerializeToString()).status_code == 200
    for pipeline in PIPELINES:
        (arrived,) = _arrived(behind, pipeline, lambda one: b"of evote" in one.body)
        assert [one.name for one in _spans(arrived)] == [f"of evote-{pipeline}"]


def test_a_collector_takes_traces_alone_and_over_tls_alone(auth: Collector) -> None:
    context = ssl.create_default_context(cafile=str(auth.certificate))
    origin = auth.endpoint.removesuffix("/v1/traces")
    with httpx.Client(verify=context, timeout=_WITHIN_S) as client:
        for other in ("logs", "metrics", "v1development/profiles"):
            assert client.post(f"{origin}/v1/{other}", content=b"").status_code == 404
    plainly = httpx.post(auth.endpoint.replace("https", "http"), content=b"", timeout=_WITHIN_S)
    assert plainly.status_code == 400
    context.maximum_version = ssl.TLSVersion.TLSv1_2
    with httpx.Client(verify=context, timeout=_WITHIN_S) as client, pytest.raises(httpx.ConnectError):
        client.post(auth.endpoint, content=b"")


@pytest.mark.parametrize("services", ["", "[]", '[""]'])
def test_a_collector_that_would_take_nothing_says_what_is_missing(services: str) -> None:
    surroundings = {"SERVICES": services, "LISTEN": "127.0.0.1:1", "TRACES_BACKEND": "http://127.0.0.1:1"}
    files = {"CERTIFICATE_FILE": "/nowhere", "KEY_FILE": "/nowhere"}
    command = [str(PROGRAM), "validate", "--config", str(CONFIG)]
    done = subprocess.run(command, env=surroundings | files, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 1
    assert "services: name those whose spans this Collector takes" in done.stderr


def post(collector: Collector, body: bytes, kind: str = "application/x-protobuf") -> httpx.Response:
    context = ssl.create_default_context(cafile=str(collector.certificate))
    with httpx.Client(verify=context, timeout=_WITHIN_S) as client:
        return client.post(collector.endpoint, content=body, headers={"Content-Type": kind, **FROM_OUTSIDE})


def _export(endpoint: str) -> None:
    with traces("auth", "0.1.0", endpoint, CollectorRegistry()):
        with span("count", {"evote.log.size": 7}):
            with asking("ask witness", {"server.address": "witness"}):
                pass
            announced("018f-event", "elections", time.time_ns())
        following("018f-event", "elections").end()
        with pytest.raises(KeyError), span("fails", {}):
            raise KeyError(SECRET)


def _names_its_last_span(exported: Exported) -> bool:
    return any(one.name == "fails" for one in _spans(exported))


def _of(behind: OtlpReceiver, pipeline: str) -> list[Exported]:
    return [exported for exported in list(behind.exported) if exported.pipeline == pipeline]


def _arrived(behind: OtlpReceiver, pipeline: str, which: Callable[[Exported], bool]) -> list[Exported]:
    wait_until(lambda: any(which(exported) for exported in _of(behind, pipeline)))
    return [exported for exported in _of(behind, pipeline) if which(exported)]


def _spans(exported: Exported) -> list[Span]:
    return [
        one
        for of_resource in exported.request.resource_spans
        for of_scope in of_resource.scope_spans
        for one in of_scope.spans
    ]


def _request(service: str, *spans: Span) -> bytes:
    request = ExportTraceServiceRequest()
    of_resource = request.resource_spans.add()
    of_resource.resource.attributes.append(_pair("service.name", service))
    of_resource.scope_spans.add().spans.extend(spans)
    return request.SerializeToString()


def _pair(key: str, value: str) -> KeyValue:
    return KeyValue(key=key, value=AnyValue(string_value=value))


def _fill(message: Message, depth: int = 0) -> None:
    """Say the secret in each member that there is, of each that repeats twice."""
    for member in message.DESCRIPTOR.fields:
        if member.message_type is not None:
            if member.message_type.name in ("ArrayValue", "KeyValueList") and depth > 8:
                continue
            for _ in range(2 if member.is_repeated else 1):
                value = getattr(message, member.name)
                _fill(value.add() if member.is_repeated else value, depth + 1)
            continue
        value = _value(member)
        if member.is_repeated:
            getattr(message, member.name).extend([value, value])
        elif member.containing_oneof is None or member.name == "string_value":
            setattr(message, member.name, value)


def _value(member: FieldDescriptor) -> object:
    if member.type == FieldDescriptor.TYPE_STRING:
        return SECRET
    if member.type == FieldDescriptor.TYPE_BYTES:
        return b"secretsecret.voter"[: 16 if member.name == "trace_id" else 8]
    return True if member.type == FieldDescriptor.TYPE_BOOL else 1


def _as_json(request: ExportTraceServiceRequest) -> bytes:
    """OTLP's JSON: ids in hexadecimal, everything else as protobuf has it."""

    def hexadecimal(node: object) -> object:
        if isinstance(node, dict):
            return {
                name: base64.b64decode(value).hex()
                if name in ("traceId", "spanId", "parentSpanId")
                else hexadecimal(value)
                for name, value in node.items()
            }
        return [hexadecimal(one) for one in node] if isinstance(node, list) else node

    return json.dumps(hexadecimal(MessageToDict(request, use_integers_for_enums=True))).encode()
