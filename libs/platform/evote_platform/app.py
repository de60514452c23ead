"""The app factory: what every service answers besides its own routes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager
from time import perf_counter

import structlog
from fastapi import APIRouter, FastAPI, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Counter, Histogram, generate_latest
from starlette.routing import Match
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from . import problems
from .clock import Clock, rfc3339
from .health import Readiness
from .problems import Problem

_BUCKETS_S = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
_SECURITY_HEADERS = (
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
)
_log = structlog.get_logger("evote.http")

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


def create_app(
    *,
    service: str,
    version: str,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    readiness: Readiness,
    registry: CollectorRegistry,
    clock: Clock,
    max_body_bytes: int,
) -> FastAPI:
    """An app with health, metrics, problem documents, a body limit and request logs.

    ``registry`` takes the app's metrics beside the service's own. Bodies over ``max_body_bytes`` are refused with 413
    before they are read to their end.
    """
    app = FastAPI(title=f"Tsukuba e-Vote {service}", version=version, lifespan=lifespan, docs_url=None, redoc_url=None)
    problems.install(app)
    app.include_router(_operations(readiness, registry, clock))
    for router in routers:
        app.include_router(router)
    app.add_middleware(BodyLimit, max_body_bytes=max_body_bytes)
    app.add_middleware(RequestRecord, app_routes=app, registry=registry)
    return app


def _operations(readiness: Readiness, registry: CollectorRegistry, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/livez")
    async def livez() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok"}

    @router.get("/readyz", responses={503: {"description": "A part does not work; the body says which"}})
    async def readyz() -> JSONResponse:
        """Whether the service can do its work now, part by part, and what its clock says."""
        results = await readiness.results()
        ready = all(result.ok for result in results.values())
        checks = {name: {"ok": result.ok, "detail": result.detail} for name, result in results.items()}
        content = {"ready": ready, "time": rfc3339(clock()), "checks": checks}
        return JSONResponse(content, 200 if ready else 503)

    @router.get("/metrics")
    async def metrics() -> Response:
        """Prometheus' text format."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router


class BodyLimit:
    """Refuses bodies that are too large, by their declared length or as soon as they grow past the limit."""

    def __init__(self, app: ASGIApp, max_body_bytes: int) -> None:
        self._app = app
        self._limit = max_body_bytes

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        declared = dict(scope["headers"]).get(b"content-length", b"0")
        if not declared.isdigit() or int(declared[:20]) > self._limit:
            await self._refuse(scope, receive, send)
            return
        received = 0

        async def limited() -> Message:
            nonlocal received
            message = await receive()
            if message["type"] == "http.request":
                received += len(message.get("body", b""))
                if received > self._limit:
                    raise _TooLarge
            return message

        try:
            await self._app(scope, limited, send)
        except _TooLarge:
            await self._refuse(scope, receive, send)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        problem = Problem(
            "body-too-large",
            "The body is too large",
            413,
            f"At most {self._limit} bytes are taken here.",
            headers={"Connection": "close"},
            extensions={"max_bytes": self._limit},
        )
        response = problems.problem_response(Request(scope), problem)
        await response(scope, receive, send)


class _TooLarge(BaseException):
    """Passes through handlers for ``Exception``: the app would turn it into an answer of its own."""


class RequestRecord:
    """Counts, times and logs requests by route template: paths, queries and bodies may tell about a person."""

    def __init__(self, app: ASGIApp, app_routes: FastAPI, registry: CollectorRegistry) -> None:
        self._app = app
        self._routes = app_routes
        self._seconds = Histogram(
            "evote_http_request_seconds",
            "Time from the request's head to the response's end",
            ("method", "route", "status"),
            registry=registry,
            buckets=_BUCKETS_S,
        )
        self._problems = Counter(
            "evote_problems", "Refusals by the type of their problem document", ("type", "route"), registry=registry
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope.setdefault("state", {})
        started = perf_counter()
        status = 500
        request_id = uuid.uuid4().hex
        structlog.contextvars.bind_contextvars(request_id=request_id)

        async def recording(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                extra = [*_SECURITY_HEADERS, (b"x-request-id", request_id.encode())]
                message["headers"] = [*message.get("headers", []), *extra]
            await send(message)

        try:
            await self._app(scope, receive, recording)
        finally:
            self._record(scope, status, perf_counter() - started)
            structlog.contextvars.unbind_contextvars("request_id")

    def _record(self, scope: Scope, status: int, seconds: float) -> None:
        route = self._template(scope)
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._seconds.labels(method, route, str(status)).observe(seconds)
        problem = scope["state"].get("problem")
        if problem is not None:
            self._problems.labels(problem, route).inc()
        if route not in _QUIET_ROUTES:
            _log.info(
                "request", method=method, route=route, status=status, ms=round(seconds * 1000, 1), problem=problem
            )

    def _template(self, scope: Scope) -> str:
        for route in self._routes.router.routes:
            if route.matches(scope)[0] is not Match.NONE:
                return str(getattr(route, "path", "other"))
        return "other"


_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS"})
_QUIET_ROUTES = frozenset({"/livez", "/readyz", "/metrics"})
