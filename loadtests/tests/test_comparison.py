"""A run beside an earlier one: every figure that a release may have made worse."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, replace
from typing import Any

import pytest
from evote_loadtests.comparison import compared
from evote_loadtests.figures import Figures, PhaseFigures, Waited
from evote_loadtests.goals import Goal
from evote_local.people.observed import CROWD

BEFORE = PhaseFigures(
    "steady",
    80,
    100,
    4000,
    4000,
    50,
    4000,
    200,
    3,
    0,
    0,
    0,
    Waited(4000, 0, 10, 20, 30, 40),
    {"tally": 20.0, CROWD: 99.0},
    {"tally": [90.0, 100.0], CROWD: [7.0, 8.0]},
    Waited(4000, 0, 11, 22, 33, 44),
)
SLOW = replace(
    BEFORE,
    accepted_per_s=25,
    unavailable=6,
    post=Waited(4000, 0, 20, 60, 120, 40),
    due=Waited(4000, 0, 22, 66, 132, 44),
    cpu_by_process_s={"tally": 40.0, CROWD: 9.0},
    memory_mb={"tally": [90.0, 150.0], CROWD: [1.0]},
)
GOAL = Goal("a ballot, the city's processes", 6, 5.0, "ms of a processor")


def figures(*phases: PhaseFigures) -> Figures:
    return Figures("goals", 1, 1, 100, 100, 1, 1, 0, 0.0, 0, {}, [], 0, {}, list(phases), [], 0, None)


def earlier(*phases: PhaseFigures) -> dict[str, object]:
    goals = [{**asdict(GOAL), "figure": 2.5, "met": True}]
    read: dict[str, object] = json.loads(json.dumps({**asdict(figures(*phases)), "goals": goals}))
    return read


@pytest.mark.parametrize(
    "line",
    [
        "| steady: accepted a second | 50 | 25 | 0.50 |",
        "| steady: POST of the ballot, p50, ms | 10 | 20 | 2.00 |",
        "| steady: POST of the ballot, p95, ms | 20 | 60 | 3.00 |",
        "| steady: POST of the ballot, p99, ms | 30 | 120 | 4.00 |",
        "| steady: planned moment to the receipt, p95, ms | 22 | 66 | 3.00 |",
        "| steady: answers of 503 | 3 | 6 | 2.00 |",
        "| steady: ms of a processor a ballot, all told | 5 | 10 | 2.00 |",
        "| steady: memory of tally, MB at the last look | 100 | 150 | 1.50 |",
        "| goal: a ballot, the city's processes, ms of a processor | 2.5 | 5 | 2.00 |",
    ],
)
def test_each_figure_stands_beside_the_earlier_one(line: str) -> None:
    assert line in list(compared(figures(SLOW), [GOAL], earlier(BEFORE)))


def test_what_one_of_the_runs_does_not_have_is_not_compared() -> None:
    lines = list(compared(figures(SLOW), [], earlier(replace(BEFORE, name="constant"))))
    assert len(lines) == 2, "the head alone"
    assert not any(CROWD in line for line in compared(figures(SLOW), [GOAL], earlier(BEFORE)))


def test_an_older_run_knows_nothing_of_the_planned_moment() -> None:
    before: Any = earlier(BEFORE)
    del before["phases"][0]["due"]
    lines = list(compared(figures(SLOW), [], before))
    assert any("POST of the ballot, p95" in line for line in lines)
    assert not any("planned moment" in line for line in lines)


def test_what_was_not_measured_has_no_ratio() -> None:
    blind = replace(SLOW, post=Waited(0, 0, *(math.nan,) * 4), cpu_by_process_s={}, unavailable=0)
    unmeasured = earlier(replace(BEFORE, unavailable=0))
    lines = list(compared(figures(blind), [], unmeasured))
    assert "| steady: POST of the ballot, p95, ms | 20 | - | - |" in lines
    assert "| steady: ms of a processor a ballot, all told | 5 | - | - |" in lines
    assert "| steady: answers of 503 | 0 | 0 | - |" in lines
