"""The app that every service is: its own routes, and what all have in common."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.exposition import generate_latest
from pydantic import BaseModel

from .access import require_scraper
from .admission import Admission
from .answering import install_problem_handlers
from .bodylimit import GuardedRoute
from .caching import ConditionalAnswers
from .clock import Clock, rfc3339, utc_now
from .contract import describe_problems
from .cross_origin import AnswersToFront, Preflights
from .freed import given_back
from .health import CheckResult, Readiness
from .in_tens import InTens
from .observer import HttpMetrics, RequestObserver
from .problems import PROBLEM_MEDIA_TYPE, ProblemTable
from .process_metrics import LoopLag, ReadyMetrics
from .routing import RouteTable
from .short_way import ServiceApp

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


_PROBLEM: Final[dict[str, Any]] = {
    "description": "A problem (RFC 9457); some types have further members",
    "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}


class CheckReport(BaseModel):
    """One check of ``/readyz`` or ``/statusz``."""

    ok: bool
    detail: str


class ReadinessReport(BaseModel):
    """All well or not, this machine's time (RFC 3339), and what was checked."""

    ready: bool
    time: str
    checks: dict[str, CheckReport]


def new_registry() -> CollectorRegistry:
    """A Prometheus registry of this app's own, with the process's figures."""
    registry = CollectorRegistry()
    ProcessCollector(registry=registry)
    GCCollector(registry=registry)
    return registry


def create_app(
    *,
    service_name: str,
    version: str,
    lifespan: Lifespan,
    routers: Sequence[APIRouter],
    problems: ProblemTable,
    readiness: Readiness,
    registry: CollectorRegistry,
    front_origins: Set[str] = frozenset(),
    clock: Clock = utc_now,
) -> FastAPI:
    """The service's app: its routers, ``/livez``, ``/readyz``, ``/statusz``, ``/metrics``, problems and logs.

    Args:
        service_name: such as ``ballot``.
        version: the service's version, for OpenAPI.
        lifespan: opens what the service needs and closes it.
        routers: the service's own endpoints, each a :class:`GuardedRoute`.
        problems: what its refusals are answered with.
        readiness: the checks behind ``/readyz`` and ``/statusz``; the lifespan may add more.
        registry: where all metrics of the app live.
        front_origins: whose pages may read the answers of each :class:`.FrontRoute`.
        clock: the time in ``/readyz`` and ``/statusz``.
    """
    ready = ReadyMetrics(registry, readiness, service=service_name, version=version, clock=clock)
    health = _health_router(readiness, registry, ready, clock)
    routes = RouteTable([health, *routers])
    app = ServiceApp(
        table=routes,
        readiness=readiness,
        title=f"Tsukuba e-Vote: {service_name}",
        version=version,
        lifespan=_watched(lifespan, LoopLag(registry)),
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the client's Host header
        responses={"default": _PROBLEM},
    )
    install_problem_handlers(app, problems)
    app.add_middleware(ConditionalAnswers)
    if front_origins:
        app.add_middleware(Preflights, origins=front_origins, routes=routes)
    metrics = HttpMetrics(registry)
    app.add_middleware(RequestObserver, metrics=metrics, new_request_id=lambda: secrets.token_hex(8))
    app.add_middleware(Admission, metrics=metrics, routes=routes)
    if front_origins:
        # Around the observer: a page has to be able to read its 500, too.
        app.add_middleware(AnswersToFront, origins=front_origins)
    app.include_router(health)
    for router in routers:
        # Any other would read a body of any size before it asks who sends it.
        if not all(isinstance(route, GuardedRoute) for route in router.routes):
            raise TypeError("every route of a service is a GuardedRoute")
        app.include_router(router)
    describe_problems(app, problems)
    return app


def _watched(lifespan: Lifespan, lag: LoopLag) -> Lifespan:
    """The service's own lifespan; while it runs, the event loop's lag is measured and freed memory is given back."""

    @asynccontextmanager
    async def watched(app: FastAPI) -> AsyncIterator[None]:
        async with lag.measured(), given_back(), lifespan(app):
            yield

    return watched


def _health_router(readiness: Readiness, registry: CollectorRegistry, ready: ReadyMetrics, clock: Clock) -> APIRouter:
    router, shown = APIRouter(tags=["operations"]), InTens(registry)

    @router.get("/livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    @router.get("/readyz", response_model=ReadinessReport)
    async def readyz() -> Response:
        """Whether this replica should get traffic: it has started, is not leaving, and its own parts work; or 503."""
        return _report(await readiness.ready(), clock)

    @router.get("/statusz", response_model=ReadinessReport)
    async def statusz() -> Response:
        """All that is known now, Kafka and the database included: 503 when anything is not as it should be."""
        return _report(await readiness.check(), clock)

    @router.get("/metrics", response_class=PlainTextResponse, dependencies=[Depends(require_scraper)])
    async def metrics() -> Response:
        """Prometheus metrics, in its text format, for programs that the roster names."""
        await ready.ask()
        return Response(generate_latest(shown), media_type=CONTENT_TYPE_LATEST)

    return router


def _report(results: Mapping[str, CheckResult], clock: Clock) -> Response:
    report = ReadinessReport(
        ready=all(result.ok for result in results.values()),
        time=rfc3339(clock()),
        checks={name: CheckReport(ok=result.ok, detail=result.detail) for name, result in results.items()},
    )
    return JSONResponse(report.model_dump(), status_code=200 if report.ready else 503)
