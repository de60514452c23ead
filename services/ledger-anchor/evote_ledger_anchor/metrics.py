"""What the sequencer and the monitor show to Prometheus."""

from __future__ import annotations

from math import nan
from typing import get_args

from evote_eventlog.events import TamperingKind
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram


class WitnessMetrics:
    """How far the witnesses are behind, as the replica sees it that asks them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.lag = Gauge(
            "evote_witness_lag_entries",
            "Entries in the newest signed checkpoint that are in no checkpoint for which the witness policy holds.",
            registry=registry,
        )
        self.lag.set(nan)
        self.requests = Counter(
            "evote_witness_requests", "Requests to a witness, by outcome.", ["witness", "outcome"], registry=registry
        )
        self.last_success = Gauge(
            "evote_witness_last_success_timestamp_seconds",
            "When a witness cosigned last, in seconds since 1970; 0: not since this replica started.",
            ["witness"],
            registry=registry,
        )


class SequencerMetrics:
    """The metrics of one process's sequencer."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.leading = Gauge("evote_ledger_leading", "1 while this replica is the sequencer.", registry=registry)
        self.size = Gauge("evote_ledger_size_entries", "Entries in the log, as the leader knows it.", registry=registry)
        self.size.set(nan)
        self.entries = Counter("evote_ledger_entries", "Records that this replica put into the log.", registry=registry)
        self.skipped = Counter(
            "evote_ledger_skipped",
            "Records that get no place in the log, by reason; counted again by a new leader.",
            ["reason"],
            registry=registry,
        )
        self.delay = Histogram(
            "evote_ledger_checkpoint_delay_seconds",
            "Time from the last fetch that did not bring a record to the commit of the checkpoint that covers it.",
            buckets=(0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1, 1.5, 2, 5, 10, 60),
            registry=registry,
        )


class AnchoringMetrics:
    """The metrics of one process's anchoring; only the replica that leads in a chain's anchoring moves them."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.up = Gauge(
            "evote_anchor_up",
            "1 while this replica leads in anchoring and the chain answers.",
            ["chain"],
            registry=registry,
        )
        self.verified_size = Gauge(
            "evote_anchor_verified_size_entries",
            "Size of the log at the newest final anchor.",
            ["chain"],
            registry=registry,
        )
        self.lag_entries = Gauge(
            "evote_anchor_lag_entries",
            "Entries of the log that no final anchor covers yet.",
            ["chain"],
            registry=registry,
        )
        self.lag = Gauge(
            "evote_anchor_lag_seconds",
            "How long the oldest checkpoint that no final anchor covers has been waiting.",
            ["chain"],
            registry=registry,
        )
        self.anchors = Counter(
            "evote_anchors", "Final anchors that this replica announced.", ["chain"], registry=registry
        )
        self.delay = Histogram(
            "evote_anchor_delay_seconds",
            "Time from when a checkpoint was there to be anchored until a final anchor covered it.",
            ["chain"],
            buckets=(0.1, 0.25, 0.5, 0.75, 1, 1.5, 2, 3, 5, 10, 30, 60, 300, 900, 3600),
            registry=registry,
        )


class MonitorMetrics:
    """The metrics of one process's monitor. One that stopped shows a last pass that grows old, not what it found."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.detected = Counter(
            "evote_ledger_tampering_detected",
            "Findings that this replica raised, by kind.",
            ["kind"],
            registry=registry,
        )
        self.standing = Gauge(
            "evote_ledger_tampering_standing",
            "Findings of the last completed pass, by kind, whether raised now or before.",
            ["kind"],
            registry=registry,
        )
        self.unpublished = Gauge(
            "evote_ledger_tampering_unpublished",
            "Findings that are not in Kafka yet.",
            registry=registry,
        )
        self.leading = Gauge("evote_ledger_monitor_leading", "1 while this replica is the monitor.", registry=registry)
        self.last_pass = Gauge(
            "evote_ledger_monitor_last_pass_timestamp_seconds",
            "When the last completed pass of this replica began, in seconds since 1970.",
            registry=registry,
        )
        self.seconds = Gauge(
            "evote_ledger_monitor_last_pass_duration_seconds", "How long that pass took.", registry=registry
        )
        self.entries = Gauge("evote_ledger_monitor_entries", "Entries that it checked.", registry=registry)
        self.remembered = Gauge(
            "evote_ledger_monitor_remembered_entries",
            "Size of the newest checkpoint that the monitor remembers, over restarts too; 0: none.",
            registry=registry,
        )
        self.intact = Gauge(
            "evote_ledger_monitor_intact_pass_timestamp_seconds",
            "When the newest pass of this replica began that found nothing, in seconds since 1970; 0: none yet.",
            registry=registry,
        )
        self.failures = Counter(
            "evote_ledger_monitor_failures",
            "Passes that were not completed, by what kept them.",
            ["reason"],
            registry=registry,
        )
        self.chain_readable = Gauge(
            "evote_ledger_monitor_chain_readable",
            "1 if the chain answered in the last completed pass.",
            ["anchor_contract"],
            registry=registry,
        )
        for kind in get_args(TamperingKind):
            self.detected.labels(kind)
        self.show_no_pass()

    def show_no_pass(self) -> None:
        """Show no figure of a look: none was made yet, or another replica looks by now."""
        for gauge in (self.seconds, self.entries, self.remembered):
            gauge.set(nan)
        self.standing.clear()
        self.chain_readable.clear()
