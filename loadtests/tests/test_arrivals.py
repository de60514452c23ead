"""When voters come."""

from __future__ import annotations

from random import Random

import pytest
from evote_loadtests.arrivals import PROFILES, WITH_JUNK, WITHOUT_JUNK, plan_of
from hypothesis import given
from hypothesis import strategies as st


@given(st.sampled_from(sorted(PROFILES)), st.integers(1, 200), st.floats(0.1, 1000), st.integers())
def test_everybody_comes_once_in_order_while_the_polls_are_open(
    profile: str, count: int, seconds: float, seed: int
) -> None:
    arrivals = PROFILES[profile].arrivals(count, seconds, Random(seed))
    assert len(arrivals) == count
    assert arrivals == sorted(arrivals)
    assert all(0 <= moment <= seconds for moment in arrivals)


def test_estonias_hours_are_those_that_its_electoral_office_told() -> None:
    hours = PROFILES["estonia-2023"].weights
    assert sum(hours) == pytest.approx(324_301 - 110) and len(hours) == 131
    assert (hours[0], hours[-2], hours[-1]) == (7_298, 8_065, 11_029)
    assert min(hours) == 45 and hours.index(45) == 3 * 24 - 5, "2 March, from 4:00"
    assert max(hours[1:-2]) < hours[0], "no hour that was not told is busier than those that were"
    assert hours[-1] / sum(hours) == pytest.approx(0.034, abs=0.0005)


def test_the_crowd_of_the_last_minutes_grows_to_the_end() -> None:
    arrivals = PROFILES["last-minutes"].arrivals(1000, 10, Random(1))
    assert sum(moment >= 9 for moment in arrivals) > 3 * sum(moment < 5 for moment in arrivals)


def test_in_tsukuba_1506_of_14000_came_of_the_whole_roll_and_who_comes_again_had_come() -> None:
    plan = plan_of("tsukuba-2022", voters=14_000, again=0.1, seconds=60, random=Random(1))
    first, second = ([number for number in plan.visits if number // 14_000 == time] for time in (0, 1))
    assert (len(first), len(second)) == (1_506, 151)
    assert {number - 14_000 for number in second} < set(first)
    assert min(first) < 1_000 and max(first) > 13_000, "by phone, by card and by face"
    assert all(plan.visits[number] < plan.visits[number + 14_000] for number in (each - 14_000 for each in second))
    assert len(plan_of("tsukuba-2022", voters=3, again=0, seconds=60, random=Random(1)).visits) == 1


def test_a_share_comes_again_and_junk_comes_beside_them() -> None:
    plan = plan_of("junk", voters=300, again=0.1, seconds=60, random=Random(1))
    assert (len(plan.visits), len(plan.junk)) == (330, 1650)
    assert [(phase.name, phase.begins_s, phase.seconds) for phase in plan.phases] == [
        (WITHOUT_JUNK, 0, 30),
        (WITH_JUNK, 30, 30),
    ]
    assert min(plan.junk) >= 30 and max(plan.junk) <= 60, "the first half is what the second is held against"
    assert plan_of("constant", voters=300, again=0, seconds=60, random=Random(1)).junk == []
