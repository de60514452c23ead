"""What a projection shows to Prometheus."""

from __future__ import annotations

from prometheus_client import REGISTRY, CollectorRegistry, Counter, Gauge

from .releases import NEWEST_RELEASE


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
            "When this replica applied a batch last, in seconds since 1970; 0: not since it started.",
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
