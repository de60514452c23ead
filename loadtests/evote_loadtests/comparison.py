"""A run beside an earlier one (``BASELINE=``): what each phase bore, waited and used, and the goals."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evote_local.people.observed import is_the_citys

from .figures import Figures, PhaseFigures
from .goals import Goal
from .rush import DUE

Earlier = Mapping[str, Any]
"""``figures.json`` of the earlier run."""


def compared(figures: Figures, goals: Sequence[Goal], earlier: Earlier) -> Iterator[str]:
    """As a Markdown table. What only one of the runs has is left out: they may be of different crowds."""
    yield "| beside the earlier run | before | now | now : before |"
    yield "|---|---|---|---|"
    phases = {phase["name"]: phase for phase in earlier["phases"]}
    for phase in figures.phases:
        if (before := phases.get(phase.name)) is not None:
            for what, then, now in _of_phase(phase, before):
                yield _row(f"{phase.name}: {what}", then, now)
    reached = {goal["name"]: goal["figure"] for goal in earlier.get("goals", ())}
    for goal in goals:
        if goal.name in reached:
            yield _row(f"goal: {goal.name}, {goal.unit}", reached[goal.name], goal.figure)


def _of_phase(phase: PhaseFigures, before: Earlier) -> Iterator[tuple[str, float | None, float]]:
    yield "accepted a second", before["accepted_per_s"], phase.accepted_per_s
    for name in ("p50_ms", "p95_ms", "p99_ms"):
        yield f"POST of the ballot, {name[:3]}, ms", before["post"][name], getattr(phase.post, name)
        if phase.due.count and "due" in before:  # older runs counted from the sending alone
            yield f"{DUE}, {name[:3]}, ms", before["due"][name], getattr(phase.due, name)
    yield "answers of 503", before["unavailable"], phase.unavailable
    then = _each_ms(before["cpu_by_process_s"], before["accepted"])
    # With what an idle stack takes in that time: a profile has no phase in which nobody comes.
    yield "ms of a processor a ballot, all told", then, _each_ms(phase.cpu_by_process_s, phase.accepted)
    for name, looks in sorted(phase.memory_mb.items()):
        if is_the_citys(name) and looks and before["memory_mb"].get(name):
            yield f"memory of {name}, MB at the last look", before["memory_mb"][name][-1], looks[-1]


def _each_ms(cpu_by_process_s: Mapping[str, float], ballots: int) -> float:
    used = [spent for name, spent in cpu_by_process_s.items() if is_the_citys(name)]
    return sum(used) / ballots * 1000 if used and ballots else math.nan


def _row(what: str, before: float | None, now: float) -> str:
    then = math.nan if before is None else before
    ratio = f"{now / then:.2f}" if then and not math.isnan(now / then) else "-"
    return f"| {what} | {_figure(then)} | {_figure(now)} | {ratio} |"


def _figure(value: float) -> str:
    return "-" if math.isnan(value) else f"{value:.4g}"
