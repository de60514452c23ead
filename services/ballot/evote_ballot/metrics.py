"""What operators see of the intake. Refusals by type are counted for every service in ``evote_problems_total``."""

from __future__ import annotations

from math import nan

from evote_platform.door import Door
from prometheus_client import CollectorRegistry, Gauge, Histogram

from .verification import BallotVerifier

_BUCKETS_S = (0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 5)


class TurnoutMetrics:
    """The public counts of all elections that are open now, together; not a number while they can't be counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.listed = Gauge("evote_turnout_listed_voters", "Voters on the lists of open elections.", registry=registry)
        self.voters = Gauge(
            "evote_turnout_voters", "Credentials with a logged ballot in open elections.", registry=registry
        )
        self.ballots = Gauge(
            "evote_turnout_ballots", "Accepted ballots of open elections, superseded ones included.", registry=registry
        )
        self.unknown()

    def unknown(self) -> None:
        """Show no number: an old one would look like a vote that stands still."""
        for gauge in (self.listed, self.voters, self.ballots):
            gauge.set(nan)


class LoggedMetrics:
    """How long accepted ballots wait for the log; no number while the tables don't tell."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.oldest = Gauge(
            "evote_ballot_unlogged_seconds",
            "How long the oldest accepted ballot that no signed checkpoint covers has waited for the log, in steps of"
            " 15 seconds and up to two of them less than it is; 0: none for half a minute.",
            registry=registry,
        )
        self.delay = Histogram(
            "evote_ballot_logged_delay_seconds",
            "From when this replica's tables showed a ballot until they showed a signed checkpoint that covers it; one"
            " that has waited for five seconds counts then, and no more later. Every replica looks at every ballot.",
            buckets=(1, 2, 5),
            registry=registry,
        )
        self.unknown()

    def unknown(self) -> None:
        """Show no number: an old one would look like a log that keeps up."""
        self.oldest.set(nan)


class IntakeMetrics:
    """Latency of accepted ballots, and the queues before the intake and the verification."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self.intake_seconds = Histogram(
            "evote_ballot_intake_duration_seconds",
            "From a ballot's arrival to its receipt, by whether it was new.",
            ("outcome",),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        for outcome in ("new", "repeated"):
            self.intake_seconds.labels(outcome)
        self.read_back_seconds = Histogram(
            "evote_read_back_duration_seconds",
            "From Kafka's acknowledgement of a ballot until this replica has read it back (ok), or gave up (failed).",
            ("outcome",),
            buckets=_BUCKETS_S,
            registry=registry,
        )
        for outcome in ("ok", "failed"):
            self.read_back_seconds.labels(outcome)
        self._waiting = Gauge(
            "evote_ballot_verifications_waiting", "Checks that wait for or are in a worker.", registry=registry
        )

        self.turnout_watchers = Gauge(
            "evote_turnout_watchers", "Who is sent the turnout by this replica, as it changes.", registry=registry
        )

        self._at_the_door = Gauge(
            "evote_ballot_casts_waiting",
            "Casts that wait for their turn at this replica; those that would wait too long are answered 503.",
            registry=registry,
        )

    def watch(self, verifier: BallotVerifier, door: Door) -> None:
        """Show both queues whenever metrics are read."""
        self._waiting.set_function(lambda: verifier.waiting)
        self._at_the_door.set_function(lambda: door.waiting)
