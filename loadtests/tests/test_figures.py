"""What a run's figures say, and when a run has failed."""

from __future__ import annotations

import json
import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from evote_loadtests.arrivals import IDLE_BEHIND, Phase, Plan
from evote_loadtests.cautions import Others
from evote_loadtests.client import Outcome
from evote_loadtests.crowd import ANCHORED, CAST, LOGGED, VISIT, Kept, Sample
from evote_loadtests.figures import (
    OF_A_CROWD,
    WHICH_IS_WHICH,
    Bounded,
    Figures,
    Run,
    faults_of,
    figures_of,
    save,
    table,
)
from evote_loadtests.goals import ANCHORED_WITHIN_S, waits_of
from evote_loadtests.report import page
from evote_loadtests.rush import DUE, GAVE_UP, UNANSWERED
from evote_local.people.observed import CROWD, Bounds, Fault, Machine, Seen, Used
from evote_local.people.voters import Refusal

STARTED = 1000.0
KEPT = Kept(3, "賛成", {"tracker": "kept"})


def waits(name: str, times: Sequence[float], at: float = STARTED + 1) -> list[Sample]:
    return [Sample(name, seconds, at=at) for seconds in times]


def failed(at: float, *, unserved: bool, seconds: float = 0.5) -> Sample:
    return Sample(VISIT, seconds, "VoterRefused: refused with 500", unserved, at)


def run_of(
    samples: Sequence[Sample] = (),
    *,
    kept: Sequence[Kept] = (KEPT,),
    missing: Sequence[Kept] = (),
    refusals: Sequence[Refusal] = (),
    faults: Sequence[str] = (),
    latest_s: float = 0,
    seen: Sequence[Seen] = (),
    injected: Sequence[Fault] = (),
    phases: Sequence[Phase] = (Phase("constant", 0, 60),),
) -> Run:
    outcome = Outcome(STARTED, kept, missing, refusals, latest_s, 60, list(faults))
    return Run(Plan({0: 1.0}, [], phases), outcome, samples, seen, injected)


def figures(run: Run) -> Figures:
    return figures_of(run, profile="constant", voters=1, seconds=60)


def found(run: Run) -> list[str]:
    return list(faults_of(figures(run), run))


def test_a_run_in_which_everybody_got_a_receipt_and_the_log_has_all_has_no_fault() -> None:
    assert found(run_of(waits(CAST, [0.1]))) == []


@pytest.mark.parametrize(
    "run, fault",
    [
        (run_of(missing=[KEPT]), "acknowledged, and not in the log: kept"),
        (run_of(kept=[]), "0 of 1 visits ended"),
        (run_of(faults=["the client died"]), "the client died"),
        (run_of([failed(1005, unserved=True)]), "visit: 1 of 1 failed".replace("visit", VISIT)),
    ],
)
def test_a_lost_ballot_a_lost_voter_and_a_fault_of_the_client_fail_the_run(run: Run, fault: str) -> None:
    assert any(fault in line for line in found(run))


BROKEN = Fault("Kafka", STARTED + 10, STARTED + 20)


@pytest.mark.parametrize(
    "at, injected, fault",
    [
        (STARTED + 15, [BROKEN], False),
        (STARTED + 9, [BROKEN], True),
        (STARTED + 21, [BROKEN], True),
        (STARTED + 15, [], True),
    ],
)
def test_a_500_is_a_fault_but_while_a_part_is_broken_on_purpose(at: float, injected: list[Fault], fault: bool) -> None:
    run = run_of(refusals=[Refusal(at, 500)], injected=injected)
    assert bool(found(run)) is fault


@pytest.mark.parametrize("status", [503, None])
def test_a_503_and_no_answer_are_told_and_are_no_faults(status: int | None) -> None:
    run = run_of(refusals=[Refusal(STARTED + 1, status)])
    assert found(run) == []
    assert figures(run).unavailable == 1


def test_a_visit_that_ran_into_a_broken_part_is_excused_and_a_lie_never_is() -> None:
    began_before = failed(STARTED + 30, unserved=True, seconds=15)
    assert found(run_of([began_before], kept=[], injected=[BROKEN])) == []
    lie = failed(STARTED + 15, unserved=False)
    assert any("1 of 1 failed" in line for line in found(run_of([lie], kept=[], injected=[BROKEN])))
    lost = run_of([began_before], missing=[KEPT], injected=[BROKEN])
    assert any("acknowledged" in line for line in found(lost))


def test_a_platform_that_is_not_well_again_fails_the_run() -> None:
    assert found(run_of(injected=[Fault("Kafka", STARTED + 10, None)])) == ["Kafka: the platform was not well again"]


def missed(run: Run, anchored_within_s: float = ANCHORED_WITHIN_S) -> list[str]:
    return [goal.name for goal in waits_of(run, figures(run), anchored_within_s) if not goal.met]


USUAL = waits(CAST, [0.1]) + waits(LOGGED, [1.0]) + waits(ANCHORED, [1.0])


def test_a_goal_is_missed_by_what_one_voter_in_a_hundred_waits() -> None:
    assert missed(run_of(USUAL)) == []
    assert missed(run_of([*USUAL, *waits(CAST, [0.1] * 90 + [3.0] * 10)])) == [f"{CAST}, of 99%"]


def test_what_nobody_waited_for_meets_no_goal() -> None:
    assert missed(run_of(waits(CAST, [0.1]))) == [f"{LOGGED}, of 99%", f"{ANCHORED}, of 99%"]


def test_how_soon_a_ballot_must_be_anchored_is_the_chains() -> None:
    run = run_of([*USUAL, *waits(ANCHORED, [1.0] * 90 + [3.0] * 10)])
    assert missed(run) == []
    assert missed(run, 2.0) == [f"{ANCHORED}, of 99%"]


def test_a_client_that_lets_people_in_late_measures_itself() -> None:
    assert missed(run_of(USUAL, latest_s=5)) == ["the client's own latest arrival"]


@pytest.mark.parametrize("until_s, told", [(80, True), (70, True), (64, False)])
def test_the_time_behind_the_crowd_stands_for_itself_where_all_clients_were_idle(until_s: float, told: bool) -> None:
    run = run_of(waits(CAST, [0.1]), seen=looks(every_s=4, cores=0.5, until_s=100))
    run = replace(run, plan=replace(run.plan, idle_s=20))
    run.outcome.idle_from_s, run.outcome.idle_until_s = 60, 90
    other = Outcome(idle_from_s=58, idle_until_s=until_s)
    run.outcome.add(other)
    crowd, *behind = figures(run).phases
    assert (crowd.accepted, crowd.counted_s) == (1, 60)
    assert [(one.name, one.seconds, one.accepted, one.cores()) for one in behind] == [
        (IDLE_BEHIND, until_s - 60, 0, pytest.approx(0.5))
    ] * told


def test_beside_an_earlier_run_stands_the_ratio() -> None:
    now = figures(run_of(waits(CAST, [0.2] * 20) + waits(LOGGED, [1.0])))
    lines = list(table(now, {"waited": {CAST: {"p95_ms": 100}}}))
    assert next(line for line in lines if line.startswith(f"| {CAST}")).endswith("| 2.00 |")
    assert next(line for line in lines if LOGGED in line).endswith("| - |")


def test_figures_tell_at_which_attempt_ballots_got_through_since_when_and_who_gave_up() -> None:
    samples = [
        *(Sample(VISIT, seconds, at=STARTED + 1, attempt=1) for seconds in (0.1, 0.3)),
        *(Sample(VISIT, seconds, at=STARTED + 9, attempt=attempt) for attempt, seconds in ((4, 12.0), (5, 20.0))),
        Sample(VISIT, 0.5, at=STARTED + 1),  # who fetched a credential casts nothing
        *waits(GAVE_UP, [90.0]),
    ]
    told = figures(run_of(samples))
    through = [(one.first, one.last, one.visits.count, one.visits.max_ms) for one in told.through]
    assert through == [(1, 1, 2, pytest.approx(300)), (4, 5, 2, pytest.approx(20_000))]
    assert told.gave_up == 1
    lines = list(table(told, None))
    assert "| 4 to 5 | 2 | 12.0 | 20.0 | 20.0 | 20.0 |" in lines
    assert "| gave up | 1 | | | | |" in lines


def test_who_comes_again_after_a_phase_is_accepted_in_it_and_not_at_its_pace() -> None:
    casts = [Sample(CAST, 0.1, at=STARTED + at, attempt=attempt) for at, attempt in ((5, 1), (9, 2), (40, 3))]
    (phase,) = figures(run_of(casts, phases=[Phase("flood", 0, 10)])).phases
    assert (phase.accepted, phase.accepted_at_once) == (3, 1)
    assert phase.accepted_per_s == pytest.approx(0.2)


def looks(*, every_s: float, cores: float, until_s: float) -> list[Seen]:
    """The services use ``cores``, and the crowd as much again."""
    moments = [STARTED + number * every_s for number in range(round(until_s / every_s) + 1)]
    return [
        Seen(at, {name: Used(7 + cores * (at - STARTED), 100) for name in ("ballot-1", CROWD)}, {"tally": 3.0})
        for at in moments
    ]


def beside(*spent: tuple[float, float]) -> list[Seen]:
    """Looks at a machine of two cores on which others had ``spent`` so much until so many seconds after the start."""
    return [Seen(STARTED + at, {}, {}, Machine(2, 700 + cpu_s)) for at, cpu_s in spent]


def test_what_others_did_on_the_machine_is_told_by_the_phase_in_which_it_was_most() -> None:
    phases = [Phase("one", 0, 10), Phase("two", 10, 50)]
    busy = figures(run_of(seen=beside((-5, -100), (0, 0), (10, 0.5), (60, 26), (70, 90)), phases=phases))
    assert busy.others == Others(pytest.approx(0.51), 2), "of the second: not of the whole, nor of what is outside"
    assert any("**Not quiet**: others on the machine used 0.51 of its 2 cores" in line for line in table(busy, None))
    quiet = figures(run_of(seen=beside((0, 0), (10, 0.9), (60, 1)), phases=phases))
    assert quiet.others == Others(pytest.approx(0.09), 2)
    assert any(line.startswith("Quiet: others on the machine used 0.09 of") for line in table(quiet, None))
    assert figures(run_of(seen=beside((0, 0), (60, -0.1)))).others == Others(0, 2), "the clocks' own error"


def test_where_nobody_looked_at_the_machine_nothing_is_said_of_others() -> None:
    for seen in ([], looks(every_s=4, cores=0.5, until_s=64)):
        blind = figures(run_of(seen=seen))
        assert blind.others is None
        assert not any("others" in line for line in table(blind, None))


@pytest.mark.parametrize("latest_s, told", [(0.999, False), (1.001, True)])
def test_a_run_whose_client_was_late_says_so_by_the_rule_of_its_goal(latest_s: float, told: bool) -> None:
    run = run_of(USUAL, latest_s=latest_s)
    assert any(line.startswith("**Client late**") for line in table(figures(run), None)) is told
    assert ("the client's own latest arrival" in missed(run)) is told


def test_both_latencies_of_a_rush_stand_in_the_table_and_it_says_which_is_which() -> None:
    lines = list(table(figures(run_of(waits(CAST, [0.1]) + waits(DUE, [0.35]))), None))
    assert any("| planned, p95 ms | planned, p99 ms | POST, p50 ms |" in line for line in lines)
    assert any(line.endswith("| 350 | 350 | 350 | 100 | 100 | 100 | - |") for line in lines)
    assert WHICH_IS_WHICH in lines
    crowd = list(table(figures(run_of(USUAL)), None))
    assert OF_A_CROWD in crowd and not any("planned, p95" in line for line in crowd)


def test_who_had_a_receipt_before_has_cast_again() -> None:
    assert figures(run_of(kept=[KEPT, KEPT, replace(KEPT, voter=4)])).cast_again == 1


def test_a_phase_counts_what_came_in_it_and_the_services_processors_alone() -> None:
    phases = [Phase("one", 0, 10, 5), Phase("two", 15, 10)]
    samples = waits(CAST, [0.1, 0.3], STARTED + 12) + waits(CAST, [0.2], STARTED + 16) + waits(UNANSWERED, [30])
    refusals = [Refusal(STARTED + 2, 503), Refusal(STARTED + 16, None), Refusal(STARTED + 17, 500)]
    seen = looks(every_s=4, cores=0.5, until_s=64)
    one, two = figures(run_of(samples, refusals=refusals, seen=seen, phases=phases)).phases
    assert (one.planned, one.accepted, one.unavailable, one.unanswered, one.broken) == (1, 2, 1, 0, 0)
    assert (two.planned, two.accepted, two.unavailable, two.unanswered, two.broken) == (0, 1, 0, 1, 1)
    assert (one.post.p50_ms, one.post.max_ms) == (pytest.approx(100), pytest.approx(300))
    assert (one.unclean, two.unclean) == (1, 0)
    assert one.cpu_s() == pytest.approx(7.5)
    assert one.cores() == pytest.approx(0.5)
    assert one.memory_mb["ballot-1"] == [100] * 4


def test_a_phase_tells_what_settings_bound_of_those_that_have_bounds() -> None:
    bounds = Bounds(30, 150.0)
    seen = [
        Seen(STARTED + at, {"tally": Used(1, 90), "PostgreSQL": Used(1, 80, 20 + at, 140.04, bounds)}) for at in (1, 2)
    ]
    (one,) = figures(run_of(seen=seen, phases=[Phase("one", 0, 10)])).phases
    assert one.bounded == {"PostgreSQL": Bounded(bounds, [21, 22], [140.0, 140.0])}


def test_what_nobody_looked_at_is_not_a_number_and_null_in_the_file(tmp_path: Path) -> None:
    alone = figures(run_of())
    assert math.isnan(alone.phases[0].cpu_s())
    save(alone, tmp_path / "figures.json", goals=[{"name": "idle stack", "figure": math.nan}])
    saved = json.loads((tmp_path / "figures.json").read_text())
    assert saved["phases"][0]["post"]["p95_ms"] is None
    assert saved["goals"] == [{"name": "idle stack", "figure": None}]


def test_the_page_has_every_plot_and_loads_nothing() -> None:
    seen, injected = looks(every_s=4, cores=0.5, until_s=60), [Fault("Kafka <b>", STARTED + 10, STARTED + 20)]
    run = run_of(waits(CAST, [0.1]) + waits(LOGGED, [1.0]), seen=seen, injected=injected)
    text = page("Load", ["a <b>", "| one | two |", "|---|---|", "| <i> | 2 |"], run)
    assert text.count("<svg") == 6
    assert "<td>&lt;i&gt;</td>" in text
    assert "<b>" not in text
    assert "src=" not in text
    assert "<link" not in text


def test_pictures_that_are_refused_are_told_by_reason_and_fail_nothing() -> None:
    run = run_of(waits(CAST, [0.1]))
    for reasons in ({"wrong-actions": 1}, {"wrong-actions": 1, "no-face": 1}):
        run.outcome.add(Outcome(faces_refused=reasons))
    assert found(run) == []
    assert figures(run).faces_refused == {"wrong-actions": 2, "no-face": 1}
    assert "no-face 1, wrong-actions 2" in "".join(table(figures(run), None))
