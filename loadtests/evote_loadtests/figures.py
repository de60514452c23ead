"""The figures of a run, what they are held against, and an earlier run beside them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from locust.stats import RequestStats, StatsEntry

from .crowd import ANCHORED, CAST, LOGGED
from .street import Outcome

_LATE_S: Final = 1.0
"""A client that is so late with an arrival measures itself."""
GOALS: Final[Mapping[tuple[str, float], float]] = {(CAST, 0.99): 1.0, (LOGGED, 0.99): 5.0, (ANCHORED, 0.99): 300.0}
"""What a share of all must be under, in seconds."""


@dataclass(frozen=True)
class Waited:
    """How long people waited for one thing, in milliseconds (Locust rounds to two digits above 100)."""

    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Figures:
    """One run. ``waited`` by the thing that was waited for."""

    profile: str
    voters: int
    visits: int
    planned_s: float
    seconds: float
    casts_per_s: float
    unavailable: int
    latest_arrival_s: float
    missing: int
    waited: Mapping[str, Waited]


def figures_of(
    stats: RequestStats, outcome: Outcome, *, profile: str, voters: int, visits: int, seconds: float
) -> Figures:
    """Sum a run up."""
    waited = {entry.name: _waited(entry) for entry in stats.entries.values()}
    return Figures(
        profile=profile,
        voters=voters,
        visits=visits,
        planned_s=seconds,
        seconds=outcome.seconds,
        casts_per_s=len(outcome.kept) / outcome.seconds if outcome.seconds else 0,
        unavailable=outcome.unavailable,
        latest_arrival_s=outcome.latest_s,
        missing=len(outcome.missing),
        waited=waited,
    )


def _waited(entry: StatsEntry) -> Waited:
    at = entry.get_response_time_percentile
    return Waited(entry.num_requests, entry.num_failures, at(0.5), at(0.95), at(0.99), entry.max_response_time)


def faults_of(figures: Figures, outcome: Outcome) -> Iterator[str]:
    """What must not have happened, whatever the machine: one line each."""
    yield from outcome.faults
    for kept in outcome.missing:
        yield f"acknowledged, and not in the log: {kept.tracker} (voter {kept.voter})"
    for name, waited in figures.waited.items():
        if waited.failures:
            yield f"{name}: {waited.failures} of {waited.count} failed"
    if len(outcome.kept) < figures.visits:
        yield f"{len(outcome.kept)} of {figures.visits} visits ended with a receipt"


def goals_missed(stats: RequestStats, figures: Figures) -> Iterator[str]:
    """The goals that this run doesn't reach: one line each."""
    if figures.latest_arrival_s > _LATE_S:
        yield f"the client let somebody in {figures.latest_arrival_s:.1f} s late: it needs a machine of its own"
    for entry in stats.entries.values():
        for (name, share), within_s in GOALS.items():
            seconds = entry.get_response_time_percentile(share) / 1000
            if entry.name == name and seconds > within_s:
                yield f"{name}: {share:.0%} within {seconds:.2f} s, and not {within_s:g} s"


def save(figures: Figures, path: Path) -> None:
    """Write the figures as JSON, for :func:`compared`."""
    path.write_text(json.dumps(asdict(figures), ensure_ascii=False, indent=2) + "\n")


def table(figures: Figures, baseline: Mapping[str, Any] | None) -> Iterator[str]:
    """The figures as a Markdown table; beside an earlier run's p95 also the ratio to it."""
    yield (
        f"{figures.profile}: {figures.voters} voters, {figures.visits} visits planned in {figures.planned_s:g} s, "
        f"ended after {figures.seconds:.1f} s; {figures.casts_per_s:.1f} ballots/s; "
        f"{figures.unavailable} times 503 or no answer; latest arrival {figures.latest_arrival_s * 1000:.0f} ms late"
    )
    yield ""
    yield "| waited for | count | failed | p50 ms | p95 ms | p99 ms | max ms |" + (
        " p95 : before |" if baseline else ""
    )
    yield "|---|---|---|---|---|---|---|" + ("---|" if baseline else "")
    for name, waited in figures.waited.items():
        row = [waited.count, waited.failures, *map(round, (waited.p50_ms, waited.p95_ms, waited.p99_ms, waited.max_ms))]
        yield f"| {name} | " + " | ".join(map(str, row)) + " |" + _ratio(name, waited, baseline)


def _ratio(name: str, waited: Waited, baseline: Mapping[str, Any] | None) -> str:
    if baseline is None:
        return ""
    before = baseline["waited"].get(name)
    return f" {waited.p95_ms / before['p95_ms']:.2f} |" if before and before["p95_ms"] else " - |"
