"""What each replica shows of itself to Prometheus: its release, readiness, event loop and pool of connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, suppress
from typing import Final

from prometheus_client import CollectorRegistry, Gauge, Histogram
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from .clock import Clock
from .database import TimedPool
from .health import CheckResult, Readiness

_LOOP_LOOKED_AT_EVERY_S: Final = 0.5


class ReadyMetrics(Collector):
    """The checks behind ``/statusz``, asked anew for each scrape: what does not answer is 0."""

    def __init__(
        self, registry: CollectorRegistry, readiness: Readiness, *, service: str, version: str, clock: Clock
    ) -> None:
        """Register the metrics in ``registry``."""
        self._readiness = readiness
        self._found: Mapping[str, CheckResult] = {}
        registry.register(self)
        Gauge(
            "evote_build_info", "1, with the service and its release.", ["service", "version"], registry=registry
        ).labels(service, version).set(1)
        Gauge(
            "evote_clock_timestamp_seconds",
            "This replica's time when it was asked, in seconds since 1970.",
            registry=registry,
        ).set_function(lambda: clock().timestamp())

    async def ask(self) -> None:
        """Run the checks; what they found is shown until they are run again."""
        self._found = await self._readiness.check()

    def collect(self) -> Iterator[Metric]:
        """For the registry."""
        ready = GaugeMetricFamily("evote_ready", "1 when a check of /statusz passes.", labels=["check"])
        for check, result in self._found.items():
            ready.add_metric([check], int(result.ok))
        yield ready
        stopped = GaugeMetricFamily(
            "evote_stopped", "1 when this replica has stopped its work until a person acts.", labels=["part"]
        )
        if (stop := self._readiness.stopped) is not None:
            stopped.add_metric([stop.part], 1)
        yield stopped


class LoopLag:
    """How late the event loop wakes up whoever slept: what everything that is served here waits in vain."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metric in ``registry``."""
        self._lag = Histogram(
            "evote_event_loop_lag_seconds",
            "How late the event loop wakes up a sleeper; looked at twice a second.",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5),
            registry=registry,
        )

    @asynccontextmanager
    async def measured(self) -> AsyncIterator[None]:
        """Look at it while the block runs."""
        looking = asyncio.create_task(self._look())
        try:
            yield
        finally:
            looking.cancel()
            with suppress(asyncio.CancelledError):
                await looking

    async def _look(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            due = loop.time() + _LOOP_LOOKED_AT_EVERY_S
            await asyncio.sleep(_LOOP_LOOKED_AT_EVERY_S)
            self._lag.observe(max(0.0, loop.time() - due))


def show_pool(pool: TimedPool, registry: CollectorRegistry) -> None:
    """Show a pool's connections whenever metrics are read, and how long each caller waited for one."""
    pool.waited = Histogram(
        "evote_db_acquire_duration_seconds",
        "How long a caller waited for one of the pool's connections, in vain or not.",
        buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
        registry=registry,
    ).observe
    gauge = Gauge(
        "evote_db_pool_connections",
        "Connections of this replica's pool: in use, idle, and as many as it may open (limit).",
        ["state"],
        registry=registry,
    )
    gauge.labels("idle").set_function(pool.get_idle_size)
    gauge.labels("used").set_function(lambda: pool.get_size() - pool.get_idle_size())
    gauge.labels("limit").set_function(pool.get_max_size)
