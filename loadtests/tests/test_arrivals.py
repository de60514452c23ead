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


def test_in_estonias_last_hour_came_3_4_percent_and_in_no_other_as_many() -> None:
    weights = PROFILES["estonia-2023"].weights
    assert weights[-1] / sum(weights) == pytest.approx(0.034)
    assert max(weights[:-1]) < weights[-1]


def test_the_crowd_of_the_last_minutes_grows_to_the_end() -> None:
    arrivals = PROFILES["last-minutes"].arrivals(1000, 10, Random(1))
    assert sum(moment >= 9 for moment in arrivals) > 3 * sum(moment < 5 for moment in arrivals)


def test_a_share_comes_again_and_junk_comes_beside_them() -> None:
    plan = plan_of("junk", voters=300, again=0.1, seconds=60, random=Random(1))
    assert (len(plan.visits), len(plan.junk)) == (330, 1650)
    assert [(phase.name, phase.begins_s, phase.seconds) for phase in plan.phases] == [
        (WITHOUT_JUNK, 0, 30),
        (WITH_JUNK, 30, 30),
    ]
    assert min(plan.junk) >= 30 and max(plan.junk) <= 60, "the first half is what the second is held against"
    assert plan_of("constant", voters=300, again=0, seconds=60, random=Random(1)).junk == []
