"""What operators see of the intake. Refusals by type are counted for every service in ``evote_problems_total``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Gauge, Histogram

from .verification import BallotVerifier

_BUCKETS_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5)


class IntakeMetrics:
    """Latency of accepted ballots, and the queue in front of the verification."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.intake_seconds = Histogram(
            "evote_ballot_intake_duration_seconds",
            "From a ballot's arrival to its receipt, by whether it was new.",
            ("outcome",),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        self._waiting = Gauge(
            "evote_ballot_verifications_waiting", "Checks that wait for or are in a worker process.", registry=registry
        )

        self.turnout_watchers = Gauge(
            "evote_turnout_watchers", "Who is sent the turnout by this replica, as it changes.", registry=registry
        )

    def watch(self, verifier: BallotVerifier) -> None:
        """Show the verifier's queue whenever metrics are read."""
        self._waiting.set_function(lambda: verifier.waiting)
