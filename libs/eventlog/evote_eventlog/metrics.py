"""What a projection shows to Prometheus."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from time import monotonic, time
from typing import Final

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge, Histogram

from .releases import NEWEST_RELEASE

_CUT_TO_S: Final = 600


class PublishMetrics:
    """How long publishes take; make one for each registry, for all producers of the process."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metric in ``registry``."""
        self._seconds = Histogram(
            "evote_kafka_publish_duration_seconds",
            "From an event's writing to Kafka's acknowledgement (ok), or to when it was given up (failed).",
            ["outcome"],
            buckets=(0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5),
            registry=registry,
        )
        for outcome in ("ok", "failed"):
            self._seconds.labels(outcome)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Note how long the block takes; who goes away while it runs is no failure, and not counted."""
        began = monotonic()
        try:
            yield
        except Exception:
            self._seconds.labels("failed").observe(monotonic() - began)
            raise
        self._seconds.labels("ok").observe(monotonic() - began)


class ProjectionMetrics:
    """The metrics of all projections of a process; make one for each registry."""

    def __init__(self, registry: CollectorRegistry = REGISTRY) -> None:
        """Register the metrics in ``registry``."""
        Gauge(
            "evote_events_release_read",
            "The newest release of the events that this replica reads.",
            registry=registry,
        ).set(NEWEST_RELEASE)
        self.applied = Counter(
            "evote_events_applied",
            "Events applied to the database, counted after the commit.",
            ["projection", "type"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "evote_dead_letters",
            "Records that a projection could not apply and sent to the dead letters.",
            ["projection"],
            registry=registry,
        )
        self.stuck = Gauge(
            "evote_projection_stuck",
            "1 while a projection fails on a record for a reason that isn't the record's: it stays there, trying on.",
            ["projection"],
            registry=registry,
        )
        self.lag = Gauge(
            "evote_projection_lag_records",
            "Records that stand in this replica's partitions of a topic and are not applied yet.",
            ["projection", "topic"],
            registry=registry,
        )
        self.last_apply = Gauge(
            "evote_projection_last_apply_timestamp_seconds",
            "When this replica applied a batch last, cut to ten minutes, in seconds since 1970; 0: not yet.",
            ["projection"],
            registry=registry,
        )
        self.assigned = Gauge(
            "evote_projection_assigned_partitions",
            "Partitions that this replica projects now.",
            ["projection"],
            registry=registry,
        )
        self.rebalances = Counter(
            "evote_projection_rebalances",
            "How often this replica was told which partitions are its own.",
            ["projection"],
            registry=registry,
        )

    def applied_now(self, projection: str) -> None:
        """Show that a batch was applied, and not when: it may be one voter's release."""
        now = time()
        self.last_apply.labels(projection).set(now - now % _CUT_TO_S)
