"""The outermost layer of each request: its id, its metrics, its log line, and the last net for errors."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextvars import Token
from typing import Any, Final

import structlog
from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from .arrival import arrived
from .logging import exception_facts
from .paths import is_election_uuid
from .problems import INTERNAL_ERROR, OVERLOADED, PROBLEM_SCOPE_KEY, Problem
from .tracing import served

_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5, 10)
_STREAM = b"text/event-stream"
_NO_ROUTE: Final = "(none)"
_QUIET_ROUTES = frozenset({"/livez", "/readyz", "/statusz", "/metrics"})

SECURITY_HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}

_UNLESS_GIVEN: Final = tuple(
    (name.lower().encode(), value.encode()) for name, value in {"Cache-Control": "no-store", **SECURITY_HEADERS}.items()
)

_log = structlog.get_logger(__name__)


class HttpMetrics:
    """What the requests of one app show to Prometheus."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``, which holds them once."""
        # The names of OpenTelemetry's conventions for HTTP servers.
        self.seconds = Histogram(
            "http_server_request_duration_seconds",
            "From the head's arrival at this machine to the answer's last byte, streams left out.",
            ["http_request_method", "http_route", "http_response_status_code", "error_type"],
            buckets=_BUCKETS,
            registry=registry,
        )
        self.problems = Counter(
            "evote_problems",
            "Problem documents answered, by the last part of their type.",
            ["type"],
            registry=registry,
        )

    def turned_away(self, scope: Scope) -> None:
        """Count one who is told ``overloaded`` before the observer has heard of them."""
        self.answered(scope, OVERLOADED.status, OVERLOADED.slug, time.monotonic() - arrived(scope))
        self.problems.labels(OVERLOADED.slug).inc()

    def answered(self, scope: Scope, status: int, problem: str | None, seconds: float) -> None:
        """Count an answer; of a 5xx also which problem it was (OpenTelemetry's ``error.type``): not each is a fault."""
        error_type = problem or "" if status >= 500 else ""
        self.seconds.labels(method_of(scope), _route(scope), str(status), error_type).observe(seconds)


class AnswerAborted(Exception):
    """An answer broke off after its head was sent: the connection has to be dropped."""


class RequestObserver:
    """ASGI middleware around everything else.

    It logs the route's template and the election, never the path or the query: those may hold a tracker or a voter's
    reference. An unexpected error becomes a 500 that gives nothing away.
    """

    def __init__(self, app: ASGIApp, *, metrics: HttpMetrics, new_request_id: Callable[[], str]) -> None:
        """``new_request_id`` names a request, in its answer and its log lines."""
        self._app = app
        self._metrics = metrics
        self._new_request_id = new_request_id

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        # Never the client's X-Request-Id or traceparent: one that a page or a proxy sends to auth and to ballot would
        # join the logs of both, a person to a ballot.
        request_id = self._new_request_id()
        bound = structlog.contextvars.bind_contextvars(request_id=request_id)
        try:
            await self._observe(scope, receive, send, request_id)
        finally:
            _unbind(bound)

    async def _observe(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        began = arrived(scope)
        status, is_stream = 0, False

        async def send_decorated(message: Message) -> None:
            nonlocal status, is_stream
            if message["type"] == "http.response.start":
                status, head = message["status"], list(message["headers"])
                is_stream = any(name == b"content-type" and value.startswith(_STREAM) for name, value in head)
                message["headers"] = _decorated(head, request_id)
            await send(message)

        try:
            await self._app(scope, receive, send_decorated)
        except Exception as error:
            _log.error("unexpected-error", route=_route(scope), **_election(scope), **exception_facts(error))
            if status:
                raise AnswerAborted from None
            problem = Problem(INTERNAL_ERROR)
            scope[PROBLEM_SCOPE_KEY] = problem.kind.slug
            await problem.response()(scope, receive, send_decorated)
        finally:
            seconds = time.monotonic() - began
            if not is_stream:
                self._metrics.answered(scope, status, scope.get(PROBLEM_SCOPE_KEY), seconds)
            served(scope, status, scope.get(PROBLEM_SCOPE_KEY))
            self._record(scope, status, seconds)

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route, method = _route(scope), method_of(scope)
        problem = scope.get(PROBLEM_SCOPE_KEY)
        if problem is not None:
            self._metrics.problems.labels(problem).inc()
        log = _log.debug if route in _QUIET_ROUTES else _log.info
        facts = {**_election(scope), **({} if problem is None else {"problem": problem})}
        log("request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), **facts)


def _route(scope: Scope) -> str:
    return str(getattr(scope.get("route"), "path", None) or _NO_ROUTE)


def _election(scope: Scope) -> dict[str, str]:
    """The election that the path names; nothing that has another form, which would be a client's own text."""
    named = str(scope.get("path_params", {}).get("election_uuid", ""))
    return {"election": named} if is_election_uuid(named) else {}


def method_of(scope: Scope) -> str:
    method = str(scope["method"])
    # An invented method must not make a new time series.
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "(other)"


def _decorated(head: list[tuple[bytes, bytes]], request_id: str) -> list[tuple[bytes, bytes]]:
    given = {name for name, _ in head}  # in lower case, as ASGI wants them
    return [*head, (b"x-request-id", request_id.encode()), *(line for line in _UNLESS_GIVEN if line[0] not in given)]


def _unbind(bound: Any) -> None:
    tokens: dict[str, Token[Any]] = dict(bound)
    structlog.contextvars.reset_contextvars(**tokens)
