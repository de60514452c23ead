"""What ``/metrics`` counts of people is shown ten at a time: no scrape tells of fewer than ten.

Whoever reads metrics every few seconds has a clock. A counter of releases that goes from 41 to 42 just before a ballot
enters the public log would join the two; so what counts successes stands still until ten more have come. Failures are
shown at once: they are what somebody is woken for. Who was refused may come again and succeed, and is told of by that.
What fails on the way to a success isn't: where a responder is away, a list lets the voter in within the second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.registry import Collector
from prometheus_client.samples import Sample

AT_LEAST: Final = 10
_AT_LEAST: Final = {
    # One voter makes two of these, or several.
    "evote_kafka_publish_duration_seconds": 20,
    "evote_auth_revocation_checks": 20,
    "evote_db_acquire_duration_seconds": 100,
    "evote_face_read_duration_seconds": 100,
}
FAILED: Final = "failed"
"""The outcome that every metric with outcomes calls a failure of our own."""

_COUNTED: Final = frozenset({"counter", "histogram"})
_OURS: Final = ("evote_", "http_server_")
_AT_ONCE: Final = (
    # Of failures.
    "evote_problems",
    "evote_dead_letters",
    "evote_face_workers_lost",
    "evote_tally_passed_over_ballots",
    # Of what is public to the second anyway, or of the service's own work.
    "evote_anchor",
    "evote_event_loop_lag_seconds",
    "evote_ledger_",
    "evote_projection_rebalances",
    "evote_trace_spans",
    "evote_witness_",
)

_NOT_AT_ONCE: Final = "evote_ledger_skipped"
"""What isn't public gets no place in the log, and that is what a release writes."""

_Labels = frozenset[tuple[str, str]]


def step_of(name: str) -> int:
    """By how many a counter or histogram of this name moves at least; 1: it is shown at once."""
    held_back = name.startswith(_OURS) and (name.startswith(_NOT_AT_ONCE) or not name.startswith(_AT_ONCE))
    return _AT_LEAST.get(name, AT_LEAST) if held_back else 1


class InTens(Collector):
    """A registry as ``/metrics`` shows it; every reader is shown the same."""

    def __init__(self, registry: CollectorRegistry) -> None:
        self._registry = registry
        self._shown: dict[tuple[str, _Labels], list[Sample]] = {}

    def collect(self) -> Iterator[Metric]:
        """All metrics. A series that was never seen at 0 is left out until it has come as far as its first step."""
        for metric in self._registry.collect():
            shown = Metric(metric.name, metric.documentation, metric.type, metric.unit)
            # When a series was made, which is when its first voter came, is nobody's business either.
            samples = [sample for sample in metric.samples if not sample.name.endswith("_created")]
            held_back = metric.type in _COUNTED and step_of(metric.name) > 1
            shown.samples = list(self._in_tens(metric.name, samples)) if held_back else samples
            yield shown

    def _in_tens(self, name: str, samples: Iterable[Sample]) -> Iterator[Sample]:
        at_least = step_of(name)
        for labels, series in _series(samples).items():
            count, before = _count(series), self._shown.get((name, labels))
            if _is_failure(labels) or count == 0 or count - (_count(before) if before else 0) >= at_least:
                self._shown[name, labels] = before = series
            yield from before or ()


def _series(samples: Iterable[Sample]) -> dict[_Labels, list[Sample]]:
    """By labels, without a histogram's bounds, in their order."""
    series: dict[_Labels, list[Sample]] = {}
    for sample in samples:
        labels = frozenset((name, value) for name, value in sample.labels.items() if name != "le")
        series.setdefault(labels, []).append(sample)
    return series


def _count(series: Iterable[Sample]) -> float:
    return next(sample.value for sample in series if sample.name.endswith(("_count", "_total")))


def _is_failure(labels: _Labels) -> bool:
    return any(
        (name == "http_response_status_code" and value >= "400") or (name == "outcome" and value == FAILED)
        for name, value in labels
    )
