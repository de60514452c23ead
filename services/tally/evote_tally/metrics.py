"""What operators see of the counting. Refusals by type are counted for every service in ``evote_problems_total``."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter


class CountingMetrics:
    """Elections that wait for their officers because a logged ballot can't be counted."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the metrics in ``registry``."""
        self.uncountable = Counter(
            "evote_tally_uncountable_elections",
            "Closed elections with a logged ballot that can't be counted.",
            registry=registry,
        )
