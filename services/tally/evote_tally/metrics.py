"""What operators see of the counting. Refusals by type are counted for every service in ``evote_problems_total``."""

from __future__ import annotations

from math import nan

from prometheus_client import CollectorRegistry, Counter, Gauge


class CountingMetrics:
    """Ballots that somebody had logged past the intake, and tables that don't show the log."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.passed_over = Counter(
            "evote_tally_passed_over_ballots",
            "Logged ballots that are not acceptable, by the rule that they break; examined by this replica.",
            ("rule",),
            registry=registry,
        )
        self.log_disagrees = Gauge(
            "evote_tally_log_disagrees",
            "1 while the tables do not show what the log says: archive and count stand still.",
            registry=registry,
        )
        self.unknown()

    def unknown(self) -> None:
        """Show neither: nobody has compared tables and log yet, or nobody could when it was tried last."""
        self.log_disagrees.set(nan)
