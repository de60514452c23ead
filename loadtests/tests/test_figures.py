"""What a run's figures say, and when a run has failed."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from evote_loadtests.crowd import CAST, LOGGED, VISIT, Kept
from evote_loadtests.figures import Figures, faults_of, figures_of, goals_missed, table
from evote_loadtests.street import Outcome
from locust.stats import RequestStats

KEPT = Kept(3, "賛成", {"tracker": "kept"})


def stats_of(waits: dict[str, Sequence[float]]) -> RequestStats:
    stats = RequestStats()
    for name, times in waits.items():
        for seconds in times:
            stats.log_request("", name, seconds * 1000, 0)
    return stats


def figures(stats: RequestStats, outcome: Outcome, visits: int = 1) -> Figures:
    return figures_of(stats, outcome, profile="constant", voters=visits, visits=visits, seconds=60)


def test_a_run_in_which_everybody_got_a_receipt_and_the_log_has_all_has_no_fault() -> None:
    outcome = Outcome(kept=[KEPT], seconds=60)
    assert not list(faults_of(figures(stats_of({CAST: [0.1]}), outcome), outcome))


@pytest.mark.parametrize(
    "outcome, fault",
    [
        (Outcome(kept=[KEPT], missing=[KEPT]), "acknowledged, and not in the log: kept"),
        (Outcome(kept=[]), "0 of 1 visits ended with a receipt"),
        (Outcome(kept=[KEPT], faults=["the client died"]), "the client died"),
    ],
)
def test_a_lost_ballot_a_lost_voter_and_a_fault_of_the_client_fail_the_run(outcome: Outcome, fault: str) -> None:
    assert any(fault in line for line in faults_of(figures(stats_of({}), outcome), outcome))


def test_an_answer_that_no_voter_expects_fails_the_run() -> None:
    stats, outcome = stats_of({VISIT: [1.0]}), Outcome(kept=[KEPT])
    stats.log_error("", VISIT, "refused with 500")
    assert list(faults_of(figures(stats, outcome), outcome)) == [f"{VISIT}: 1 of 1 failed"]


def test_a_goal_is_missed_by_what_one_voter_in_a_hundred_waits() -> None:
    slow = stats_of({CAST: [0.1] * 90 + [3.0] * 10, LOGGED: [1.0]})
    assert [line.split(":")[0] for line in goals_missed(slow, figures(slow, Outcome()))] == [CAST]


def test_a_client_that_lets_people_in_late_measures_itself() -> None:
    stats = stats_of({})
    assert "machine of its own" in "".join(goals_missed(stats, figures(stats, Outcome(latest_s=5))))


def test_beside_an_earlier_run_stands_the_ratio() -> None:
    now = figures(stats_of({CAST: [0.2] * 20, LOGGED: [1.0]}), Outcome())
    lines = list(table(now, {"waited": {CAST: {"p95_ms": 100}}}))
    assert next(line for line in lines if CAST in line).endswith("| 2.00 |")
    assert next(line for line in lines if LOGGED in line).endswith("| - |")
