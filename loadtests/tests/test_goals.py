"""The goals of a deployment, and when a run reaches them."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest
from evote_loadtests.arrivals import IDLE_BEHIND
from evote_loadtests.figures import Bounded, Figures, PhaseFigures, Waited
from evote_loadtests.goals import (
    CROWDED,
    IDLE,
    RELEASES,
    RUNS,
    STEADY,
    TOO_FEW_LOOKS,
    Goal,
    Growth,
    each_process_ms,
    goals_of,
    grown,
    growth,
    is_of_memory,
    memory_table,
    people_of,
    plan_of,
    table,
)
from evote_loadtests.rush import DUE
from evote_local.people.observed import CROWD, Bounds

FLAT = {"tally": [100.0] * 40, CROWD: [10.0 * number for number in range(40)]}


SERVER = "PostgreSQL"


def server(memory_mb: list[float], processes: list[int], shared_mb: float = 140.0) -> PhaseFigures:
    """Ballots come at a server whose settings let it have 30 processes that share 150 MB."""
    bounded = Bounded(Bounds(30, 150.0), processes, [shared_mb] * len(processes))
    return phase(STEADY, memory_mb={SERVER: memory_mb}, bounded={SERVER: bounded})


def phase(name: str, **changes: object) -> PhaseFigures:
    """Ten cores' seconds in a hundred seconds, so that an idle stack takes a tenth of a core."""
    fast = Waited(100, 0, 10, 20, 30, 40)
    usual = PhaseFigures(
        name, 80, 100, 4000, 4000, 50, 4000, 200, 0, 0, 0, 0, fast, {"tally": 10.0, CROWD: 99.0}, FLAT, fast
    )
    return replace(usual, **changes)  # type: ignore[arg-type]


def reached(gave_up: int = 0, **changes: PhaseFigures) -> dict[str, Goal]:
    usual = {
        IDLE: phase(IDLE),
        RELEASES: phase(RELEASES, cpu_by_process_s={"tally": 14.0, "anvil": 0.5}),
        STEADY: phase(STEADY, cpu_by_process_s={"tally": 30.0, CROWD: 99.0}),
        CROWDED: phase(CROWDED, accepted=2000, unavailable=2000),
        IDLE_BEHIND: phase(IDLE_BEHIND, planned=0, accepted=0),
    }
    phases = list({**usual, **changes}.values())
    figures = Figures("goals", 1, 1, 100, 100, 1, 1, 0, 0.0, 0, {}, [], gave_up, {}, phases, [], 0, None)
    return {goal.name: goal for goal in goals_of(figures)}


def test_a_ballot_and_a_release_cost_what_is_spent_beyond_the_idle_stack_and_the_crowd() -> None:
    goals = reached()
    assert goals["idle stack, the city's processes"].figure == pytest.approx(0.1)
    assert goals["a release, the city's processes"].figure == pytest.approx((14 - 10) / 200 * 1000)
    assert goals["a ballot, the city's processes"].figure == pytest.approx((30 - 10) / 4000 * 1000)
    assert all(goal.met for goal in goals.values())


def test_witnesses_and_chain_are_in_rows_of_their_own_and_the_crowd_in_none() -> None:
    goals = reached()
    assert goals["a release, with witnesses and chain"].figure == pytest.approx((14 + 0.5 - 10) / 200 * 1000)
    assert goals["a ballot, with witnesses and chain"].figure == pytest.approx((30 - 10) / 4000 * 1000)
    idle = phase(IDLE, cpu_by_process_s={"tally": 10.0, "witness-1": 21.0, CROWD: 99.0})
    assert reached(**{IDLE: idle})["idle stack, the city's processes"].met
    assert not reached(**{IDLE: idle})["idle stack, with witnesses and chain"].met


@pytest.mark.parametrize(
    "changed, missed",
    [
        ({IDLE: phase(IDLE, cpu_by_process_s={"tally": 31.0})}, "idle stack, the city's processes"),
        ({STEADY: phase(STEADY, cpu_by_process_s={"tally": 40.0})}, "a ballot, the city's processes"),
        ({STEADY: phase(STEADY, due=Waited(1, 0, 1, 61, 61, 61))}, f"50/s for 80 s: {DUE}, p95"),
        ({STEADY: phase(STEADY, due=Waited(1, 0, 1, 1, 151, 1))}, f"50/s for 80 s: {DUE}, p99"),
        ({STEADY: phase(STEADY, accepted_at_once=3999)}, "50/s for 80 s: not accepted at once"),
        ({CROWDED: phase(CROWDED, due=Waited(1, 0, 1, 1, 2001, 1))}, f"50/s for 80 s: accepted, {DUE}, p99"),
        ({CROWDED: phase(CROWDED, unclean=1)}, "50/s for 80 s: neither accepted nor a clean 503"),
        ({STEADY: phase(STEADY, memory_mb={"tally": [50.0] * 20 + [80.0] * 20})}, "memory of tally grows no more"),
        ({STEADY: phase(STEADY, memory_mb={"tally": [50.0] * 20 + [52.0] * 20})}, "memory of tally, of each ballot"),
        (
            {IDLE_BEHIND: phase(IDLE_BEHIND, cpu_by_process_s={"tally": 31.0})},
            "idle stack behind the crowd, the city's processes",
        ),
    ],
)
def test_each_goal_can_be_missed(changed: dict[str, PhaseFigures], missed: str) -> None:
    assert not reached(**changed)[missed].met


def test_what_counts_from_the_sending_alone_is_held_to_nothing() -> None:
    slow = Waited(1, 0, 9000, 9000, 9000, 9000)
    goals = reached(**{STEADY: phase(STEADY, post=slow), CROWDED: phase(CROWDED, post=slow)})
    assert all(goal.met for goal in goals.values())


def test_what_a_ballot_takes_of_each_process_adds_up_to_what_it_takes() -> None:
    idle = {"tally": 1.0, "ballot-1": 2.0, CROWD: 5.0}
    spent = {"tally": 12.0, "ballot-1": 44.0, CROWD: 99.0, "anvil": 9.0, "auth": 0.5}
    each = each_process_ms(spent, 100, idle, 50, 1000)
    assert list(each) == ["ballot-1", "tally", "anvil", "auth"], "the most first; of all but the crowd"
    assert each == pytest.approx({"ballot-1": 40.0, "tally": 10.0, "anvil": 9.0, "auth": 0.5})
    assert each_process_ms(spent, 100, idle, 50, 0) == {}


def test_who_is_told_to_come_again_until_they_give_up_is_no_clean_503() -> None:
    (goal,) = (goal for name, goal in reached(gave_up=1498).items() if name.startswith("gave up"))
    assert (goal.figure, goal.met) == (1498, False)
    assert str(goal) == "gave up after 20 attempts: 1498 ballots, and not 0"


def test_memory_that_was_looked_at_too_seldom_has_no_row_and_the_run_says_so() -> None:
    short = phase(STEADY, memory_mb={"tally": [50.0] * 39})
    assert not any(is_of_memory(name) for name in reached(**{STEADY: short}))
    assert sum(is_of_memory(name) for name in reached()) == 2
    figures = Figures("goals", 1, 1, 100, 100, 1, 1, 0, 0.0, 0, {}, [], 0, {}, [short], [], 0, None)
    assert list(memory_table(figures)) == [TOO_FEW_LOOKS]


def test_what_was_not_measured_meets_no_goal() -> None:
    blind = {name: phase(name, cpu_by_process_s={}) for name in (IDLE, RELEASES, STEADY, IDLE_BEHIND)}
    goals = reached(**blind)
    assert math.isnan(goals["idle stack, the city's processes"].figure)
    assert not goals["idle stack, the city's processes"].met
    assert (
        str(goals["idle stack, the city's processes"]) == "idle stack, the city's processes: not measured, and not 0.3"
    )
    assert not goals["idle stack behind the crowd, the city's processes"].met
    assert not goals["a ballot, the city's processes"].met
    assert "**missed**" in "".join(table([goals["idle stack, the city's processes"]]))


def test_memory_grows_from_the_second_quarter_to_the_last_and_the_crowds_is_its_own() -> None:
    warm = phase(
        STEADY, memory_mb={"auth": [each for each in (1.0, 50.0, 60.0, 70.0) for _ in range(10)], CROWD: [1.0] * 40}
    )
    assert grown(warm) == {"auth": Growth(50.0, 20.0, 20.0 * 1000 / 2000)}


def test_sessions_that_come_and_go_within_their_bound_are_no_growth() -> None:
    processes = [20] * 20 + [24] * 20
    goals = reached(**{STEADY: server([4.0 * number for number in processes], processes)})
    assert goals[f"memory of {SERVER}, of each ballot"].figure == pytest.approx(0)
    assert all(goal.met for goal in goals.values())


def test_a_server_whose_processes_keep_more_and_more_grows_however_many_there_are() -> None:
    fewer = [24] * 20 + [20] * 20
    each_mb = [4.0 + 0.01 * look for look in range(40)]
    growing = server([mb * number for mb, number in zip(each_mb, fewer, strict=True)], fewer)
    goals = reached(**{STEADY: growing})
    assert goals[f"memory of {SERVER}, of each ballot"].figure == pytest.approx(0.2 * 20 * 1000 / 2000)
    assert not goals[f"memory of {SERVER}, of each ballot"].met
    larger = [mb * number + 20 * (look >= 30) for look, (mb, number) in enumerate(zip([4.0] * 40, fewer, strict=True))]
    assert not reached(**{STEADY: server(larger, fewer)})[f"memory of {SERVER} grows no more"].met


def test_what_settings_bound_is_held_to_its_bound_in_every_phase() -> None:
    goals = reached(**{STEADY: server([80.0] * 40, [20] * 39 + [31])})
    assert not goals[f"processes of {SERVER}, within its settings"].met
    assert goals[f"shared memory of {SERVER}, within its settings"].met
    goals = reached(**{CROWDED: replace(server([80.0] * 40, [20] * 40, shared_mb=151.0), name=CROWDED)})
    assert goals[f"processes of {SERVER}, within its settings"].met
    assert not goals[f"shared memory of {SERVER}, within its settings"].met


def test_a_worker_that_is_there_for_a_look_is_no_growth_and_what_stays_is() -> None:
    steady = [100.0] * 30
    assert growth([*steady, *[100.0] * 8, 147.0, 147.0], 1000) == Growth(100.0, 0.0, 0.0)
    assert growth([*steady, *[147.0] * 8, 100.0, 100.0], 1000) == Growth(100.0, 47.0, 94.0)


def test_without_ballots_there_is_no_growth_of_each_and_of_too_few_looks_none() -> None:
    found = growth([1.0] * 40, 0)
    assert found is not None
    assert math.isnan(found.kb_a_ballot)
    assert growth([1.0] * 39, 1000) is None


@pytest.mark.parametrize("name", sorted(RUNS))
def test_the_plan_has_everybody_once_in_the_phase_that_is_theirs(name: str) -> None:
    run = RUNS[name]
    by_card, ready = people_of(run)
    plan = plan_of(run, Random(1))
    assert sorted(plan.visits) == list(range(by_card + ready))
    assert plan.share(0, 2, by_card + ready).idle_s == run[IDLE].seconds, "and behind the crowd nobody"
    starts = {phase.name: (phase.begins_s, phase.begins_s + phase.seconds) for phase in plan.phases}
    first, last = starts[RELEASES]
    assert all(first <= plan.visits[number] <= last for number in range(by_card))
    begins, ends = starts[STEADY]
    assert sum(begins <= at <= ends for at in plan.visits.values()) == run[STEADY].arrivals
