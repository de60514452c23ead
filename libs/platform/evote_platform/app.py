"""The app that every service is: its own routes, and what all have in common."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager
from typing import Any, Final

from fastapi import APIRouter, Depends, FastAPI, Response
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, GCCollector, ProcessCollector
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.exposition import generate_latest
from prometheus_client.registry import Collector
from pydantic import BaseModel

from .access import require_scraper
from .answering import install_problem_handlers
from .bodylimit import BodyLimit
from .caching import ConditionalAnswers
from .clock import Clock, rfc3339, utc_now
from .contract import describe_problems
from .health import Readiness
from .observer import HttpMetrics, RequestObserver
from .problems import OUT_OF_SERVICE, PROBLEM_MEDIA_TYPE, Problem, ProblemTable

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]


_PROBLEM: Final[dict[str, Any]] = {
    "description": "A problem (RFC 9457); some types have further members",
    "content": {PROBLEM_MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/ProblemDocument"}}},
}


class CheckReport(BaseModel):
    """One check of ``/readyz``."""

    ok: bool
    detail: str


class ReadinessReport(BaseModel):
    """``/readyz``: ready or not, this machine's time (RFC 3339), and what was checked."""

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
    max_body_bytes: int,
    clock: Clock = utc_now,
) -> FastAPI:
    """The service's app: its routers, ``/livez``, ``/readyz``, ``/metrics``, problems, limits and logs.

    Args:
        service_name: such as ``ballot``.
        version: the service's version, for OpenAPI.
        lifespan: opens what the service needs and closes it.
        routers: the service's own endpoints.
        problems: what its refusals are answered with.
        readiness: the checks behind ``/readyz``; the lifespan may register more.
        registry: where all metrics of the app live.
        max_body_bytes: the largest request body; a larger one is answered with 413.
        clock: the time in ``/readyz``.
    """
    app = FastAPI(
        title=f"Tsukuba e-Vote: {service_name}",
        version=version,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        redirect_slashes=False,  # a redirect would repeat the client's Host header
        responses={"default": _PROBLEM},
    )
    install_problem_handlers(app, problems)
    app.add_middleware(BodyLimit, max_body_bytes=max_body_bytes)
    app.add_middleware(ConditionalAnswers)
    app.add_middleware(
        RequestObserver,
        service=service_name,
        metrics=HttpMetrics(registry),
        new_request_id=lambda: secrets.token_hex(8),
    )
    app.include_router(_health_router(readiness, registry, clock))
    registry.register(_StopCollector(readiness))

    async def refuse_while_out_of_service() -> None:
        if not await readiness.serves():
            raise Problem(OUT_OF_SERVICE)

    for router in routers:
        app.include_router(router, dependencies=[Depends(refuse_while_out_of_service)])
    describe_problems(app, problems)
    return app


class _StopCollector(Collector):
    """``evote_stopped``, with the part that stopped the service."""

    def __init__(self, readiness: Readiness) -> None:
        self._readiness = readiness

    def collect(self) -> Iterator[Metric]:
        metric = GaugeMetricFamily(
            "evote_stopped", "1 when this replica has stopped its work until a person acts.", labels=["part"]
        )
        if (stop := self._readiness.stopped) is not None:
            metric.add_metric([stop.part], 1)
        yield metric


def _health_router(readiness: Readiness, registry: CollectorRegistry, clock: Clock) -> APIRouter:
    router = APIRouter(tags=["operations"])

    @router.get("/livez", response_class=PlainTextResponse)
    async def livez() -> Response:
        """The process runs."""
        return PlainTextResponse("ok\n")

    @router.get("/readyz", response_model=ReadinessReport)
    async def readyz() -> Response:
        """Whether this replica can do its work now: 503 when a check fails."""
        results = await readiness.check()
        ready = all(result.ok for result in results.values())
        report = ReadinessReport(
            ready=ready,
            time=rfc3339(clock()),
            checks={name: CheckReport(ok=result.ok, detail=result.detail) for name, result in results.items()},
        )
        return JSONResponse(report.model_dump(), status_code=200 if ready else 503)

    @router.get("/metrics", response_class=PlainTextResponse, dependencies=[Depends(require_scraper)])
    async def metrics() -> Response:
        """Prometheus metrics, in its text format, for programs that the roster names."""
        return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)

    return router
