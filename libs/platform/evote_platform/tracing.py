"""Spans of what officers, trustees and the services themselves do; never of what a voter does (ADR 44).

What is traced says so: a route with :data:`TRACED`, and code that opens a :func:`span`. Nothing is taken from a request
or from a record: a trace goes from one service to another by the id of the event between them, which both know
(:func:`announced`, :func:`following`). Without an endpoint there are no spans at all.
"""

from __future__ import annotations

import contextlib
import hashlib
import queue
import threading
import time
from collections.abc import Iterator, Mapping
from contextvars import ContextVar
from typing import Any, Final, TypeAlias

import structlog
from opentelemetry import trace
from opentelemetry.context import Context
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.id_generator import RandomIdGenerator
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import NonRecordingSpan, Span, SpanContext, SpanKind, StatusCode, TraceFlags
from prometheus_client import CollectorRegistry, Counter
from starlette.types import Scope

from .logging import exception_facts

ALLOWED_ATTRIBUTES: Final = frozenset(
    {
        "http.request.method",
        "http.route",
        "http.response.status_code",
        "error.type",
        "server.address",
        "messaging.system",
        "messaging.operation.name",
        "messaging.operation.type",
        "messaging.destination.name",
        "messaging.message.id",
        "evote.chain",
        "evote.log.size",
        "evote.problem",
    }
)
"""All that a span may say. The Collector that is shipped passes these and no other (deploy/monitoring/collector)."""
SPAN_SCOPE_KEY: Final = "evote.span"
"""Where the ASGI scope has the span of its request, for whoever sees the answer's status."""

MOST_WAITING = 2048
MOST_AT_ONCE = 256
_LONGEST_WAIT_S = 2.0
EXPORT_TIMEOUT_S = 5.0
_LAST_EXPORTS_S = 2.0

Following: TypeAlias = Span
"""What a reader does with an event, until ``end()``."""

_log = structlog.get_logger(__name__)
_tracer: trace.Tracer = trace.NoOpTracer()
_ids_of_next: ContextVar[tuple[int, int] | None] = ContextVar("ids of the next span", default=None)


class Traced:
    """A dependency that lets a route have a span, for ``Depends(TRACED)``: never one that voters come by."""

    async def __call__(self) -> None:
        """Nothing is left to do: the route has read it off."""


TRACED: Final = Traced()


@contextlib.contextmanager
def span(name: str, attributes: Mapping[str, str | int], kind: SpanKind = SpanKind.INTERNAL) -> Iterator[Span]:
    """A span around the block, below the one that is current; of an error it says the type and nothing else."""
    with _ended(_tracer.start_span(name, kind=kind, attributes=attributes)) as opened:
        yield opened


@contextlib.contextmanager
def asking(name: str, attributes: Mapping[str, str | int]) -> Iterator[Span]:
    """As :func:`span`, around a question to somebody else; nobody is told of the trace."""
    with span(name, attributes, SpanKind.CLIENT) as opened:
        yield opened


@contextlib.contextmanager
def serving(scope: Scope, method: str, route: str) -> Iterator[None]:
    """The span of a request is current in the block; :func:`served` ends it.

    Whatever context the request brings is not looked at: the span is the first of its trace.
    """
    opened = _tracer.start_span(
        f"{method} {route}",
        context=Context(),
        kind=SpanKind.SERVER,
        attributes={"http.request.method": method, "http.route": route},
    )
    scope[SPAN_SCOPE_KEY] = opened
    with trace.use_span(opened, end_on_exit=False, record_exception=False, set_status_on_exception=False):
        yield


def served(scope: Scope, status: int, problem: str | None) -> None:
    """End the span of a request, if it has one."""
    opened: Span | None = scope.get(SPAN_SCOPE_KEY)
    if opened is None:
        return
    opened.set_attribute("http.response.status_code", status)
    if problem is not None:
        opened.set_attribute("evote.problem", problem)
    if status >= 500 or status == 0:
        opened.set_attribute("error.type", problem or str(status))
        opened.set_status(StatusCode.ERROR)
    opened.end()


def announced(event_id: str, destination: str, began_ns: int) -> None:
    """An event was published, from ``began_ns`` (nanoseconds since 1970) until now.

    Whoever reads it can go on from here: the span's ids follow from the event's.
    """
    current = trace.get_current_span()
    about = _messaging("publish", "send", destination, event_id)
    links = [trace.Link(current.get_span_context())] if current.get_span_context().is_valid else []
    token = _ids_of_next.set(_ids_of(event_id))
    try:
        published = _tracer.start_span(
            f"publish {destination}", Context(), SpanKind.PRODUCER, about, links, start_time=began_ns
        )
    finally:
        _ids_of_next.reset(token)
    if published.is_recording():
        current.add_link(published.get_span_context())
    published.end()


def following(event_id: str, source: str) -> Following:
    """The span of what a reader of the event does with it; whoever asked for it ends it."""
    return _tracer.start_span(
        f"process {source}",
        trace.set_span_in_context(NonRecordingSpan(_context_of(event_id)), Context()),
        SpanKind.CONSUMER,
        _messaging("process", "process", source, event_id),
    )


@contextlib.contextmanager
def traces(service: str, version: str, endpoint: str | None, registry: CollectorRegistry) -> Iterator[None]:
    """Spans go to ``endpoint`` (OTLP over HTTP) while the block runs, from all of the process."""
    global _tracer
    if endpoint is None:
        yield
        return
    exporter = OTLPSpanExporter(endpoint=endpoint, timeout=EXPORT_TIMEOUT_S)
    processor = BoundedExport(exporter, registry)
    provider = TracerProvider(
        sampler=ALWAYS_ON,
        # Not Resource.create(), which adds the machine, the process and whatever the environment says.
        resource=Resource({"service.name": f"evote-{service}", "service.version": version}),
        shutdown_on_exit=False,
        id_generator=_Ids(),
        span_limits=SpanLimits(max_events=0, max_span_attributes=len(ALLOWED_ATTRIBUTES), max_links=16),
    )
    provider.add_span_processor(processor)
    # Never OpenTelemetry's global provider: a library that has spans of its own would send them along.
    _tracer = provider.get_tracer("evote")
    try:
        yield
    finally:
        _tracer = trace.NoOpTracer()
        provider.shutdown()


class BoundedExport(SpanProcessor):
    """Exports in a thread of its own; what it can't keep or can't deliver is dropped, and counted.

    Nothing waits for it: ending a span puts it into a queue or throws it away. (OpenTelemetry's own processor doesn't
    say how many it has dropped.)
    """

    def __init__(self, exporter: SpanExporter, registry: CollectorRegistry) -> None:
        self._exporter = exporter
        self._waiting: queue.Queue[ReadableSpan] = queue.Queue(MOST_WAITING)
        self._stopping = threading.Event()
        self._spans = Counter(
            "evote_trace_spans",
            "Spans by what became of them: delivered, or dropped since the Collector is away or slow.",
            ["outcome"],
            registry=registry,
        )
        for outcome in ("delivered", "dropped"):
            self._spans.labels(outcome)
        self._thread = threading.Thread(target=self._run, name="traces", daemon=True)
        self._thread.start()

    def on_end(self, span: ReadableSpan) -> None:
        """Take a span that has ended."""
        try:
            self._waiting.put_nowait(span)
        except queue.Full:
            self._spans.labels("dropped").inc()

    def shutdown(self) -> None:
        """Deliver what waits, for as long as two seconds."""
        self._stopping.set()
        self._thread.join(_LAST_EXPORTS_S)
        self._exporter.shutdown()

    def _run(self) -> None:
        last = None
        while not self._stopping.is_set() or not self._waiting.empty():
            batch = self._next_batch()
            if batch:
                outcome = "delivered" if self._export(batch) else "dropped"
                self._spans.labels(outcome).inc(len(batch))
                if outcome != last:
                    _log.info("traces", outcome=outcome)
                last = outcome

    def _next_batch(self) -> list[ReadableSpan]:
        batch: list[ReadableSpan] = []
        until = time.monotonic() + _LONGEST_WAIT_S
        while len(batch) < MOST_AT_ONCE and not (self._stopping.is_set() and self._waiting.empty()):
            try:
                # Short: the last spans of a replica that stops must not wait for the next ones.
                batch.append(self._waiting.get(timeout=0.1))
            except queue.Empty:
                if time.monotonic() >= until:
                    break
        return batch

    def _export(self, batch: list[ReadableSpan]) -> bool:
        try:
            return self._exporter.export(batch) is SpanExportResult.SUCCESS
        except Exception as error:  # whatever the Collector answers must not end the thread
            _log.warning("traces-not-exported", **exception_facts(error))
            return False


class _Ids(RandomIdGenerator):
    """Random ids, but for the span that tells of an event."""

    def generate_trace_id(self) -> int:
        ids = _ids_of_next.get()
        return super().generate_trace_id() if ids is None else ids[0]

    def generate_span_id(self) -> int:
        ids = _ids_of_next.get()
        return super().generate_span_id() if ids is None else ids[1]


def _ids_of(event_id: str) -> tuple[int, int]:
    digest = hashlib.sha256(b"evote: trace of the event " + event_id.encode()).digest()
    return int.from_bytes(digest[:16], "big"), int.from_bytes(digest[16:24], "big")


def _context_of(event_id: str) -> SpanContext:
    trace_id, span_id = _ids_of(event_id)
    return SpanContext(trace_id, span_id, is_remote=True, trace_flags=TraceFlags(TraceFlags.SAMPLED))


def _messaging(name: str, kind: str, destination: str, event_id: str) -> dict[str, Any]:
    return {
        "messaging.system": "kafka",
        "messaging.operation.name": name,
        "messaging.operation.type": kind,
        "messaging.destination.name": destination,
        "messaging.message.id": event_id,
    }


@contextlib.contextmanager
def _ended(opened: Span) -> Iterator[Span]:
    with trace.use_span(opened, end_on_exit=True, record_exception=False, set_status_on_exception=False):
        try:
            yield opened
        except BaseException as error:
            opened.set_attribute("error.type", type(error).__name__)  # never its message, which may repeat an input
            opened.set_status(StatusCode.ERROR)
            raise
