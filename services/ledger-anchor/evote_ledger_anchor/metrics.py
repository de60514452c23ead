"""What the sequencer shows to Prometheus."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class SequencerMetrics:
    """The metrics of one process's sequencer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.leading = Gauge("evote_ledger_leading", "1 while this replica is the sequencer.", registry=registry)
        self.size = Gauge("evote_ledger_size", "Entries in the log, as the leader knows it.", registry=registry)
        self.entries = Counter("evote_ledger_entries", "Records that this replica put into the log.", registry=registry)
        self.skipped = Counter(
            "evote_ledger_skipped",
            "Records that get no place in the log, by reason; counted again by a new leader.",
            ["reason"],
            registry=registry,
        )
        self.delay = Histogram(
            "evote_ledger_checkpoint_delay_seconds",
            "Time from a record's timestamp in Kafka to the commit of the checkpoint that covers it.",
            buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 5, 10, 60),
            registry=registry,
        )
