"""Error rates and their uncertainty, against values worked out by hand."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..statistics import Comparisons, Rate

DISTANCES = st.lists(st.floats(0, 1) | st.sampled_from((0.0, 0.25, 0.5)), min_size=1, max_size=30)


def compared(genuine: Sequence[float], impostor: Sequence[float]) -> Comparisons:
    return Comparisons(np.sort(np.array(genuine)), np.sort(np.array(impostor)), 0, 0)


def test_no_error_in_n_trials_is_compatible_with_three_in_n() -> None:
    assert Rate(0, 300).interval == (0.0, 0.01)
    assert Rate(0, 2).interval == (0.0, 1.0)


def test_wilsons_interval_is_that_of_the_textbook() -> None:
    low, high = Rate(5, 100).interval
    assert low == pytest.approx(0.0215, abs=0.0005)
    assert high == pytest.approx(0.1118, abs=0.0005)


def test_nothing_was_learnt_without_trials() -> None:
    assert Rate(0, 0).interval == (0.0, 1.0)
    assert str(Rate(0, 0)) == "–"


def test_a_pair_at_the_threshold_matches() -> None:
    found = compared([0.1, 0.2], [0.2, 0.3])
    assert found.fnmr(0.2) == Rate(0, 2)
    assert found.fmr(0.2) == Rate(1, 2)


def test_separate_distances_have_no_equal_error_and_a_threshold_between_them() -> None:
    rate, threshold = compared([0.01, 0.04], [0.10, 0.20]).equal_error()
    assert rate == 0
    assert 0.04 < threshold < 0.10


def test_distances_that_cross_have_their_equal_error() -> None:
    rate, _ = compared([0.1, 0.2, 0.3, 0.6], [0.25, 0.7, 0.8, 0.9]).equal_error()
    assert rate == 0.25


@given(DISTANCES, DISTANCES, st.floats(0, 1), st.floats(0, 1))
def test_a_wider_threshold_never_refuses_more_nor_mistakes_less(
    genuine: list[float], impostor: list[float], one: float, other: float
) -> None:
    found, narrow, wide = compared(genuine, impostor), min(one, other), max(one, other)
    assert found.fnmr(narrow).errors >= found.fnmr(wide).errors
    assert found.fmr(narrow).errors <= found.fmr(wide).errors


@given(DISTANCES, DISTANCES, st.floats(0, 1))
def test_counting_by_order_gives_what_counting_every_pair_gives(
    genuine: list[float], impostor: list[float], threshold: float
) -> None:
    found = compared(genuine, impostor)
    assert found.fnmr(threshold).errors == sum(distance > threshold for distance in genuine)
    assert found.fmr(threshold).errors == sum(distance <= threshold for distance in impostor)


@given(DISTANCES, DISTANCES)
def test_the_equal_error_is_that_of_trying_every_distance(genuine: list[float], impostor: list[float]) -> None:
    found = compared(genuine, impostor)
    places = sorted({0.0, *genuine, *impostor})
    gaps = [abs(found.fmr(place).share - found.fnmr(place).share) for place in places]
    best = [number for number, gap in enumerate(gaps) if gap == min(gaps)]
    rate, threshold = found.equal_error()
    assert rate == (found.fmr(places[best[0]]).share + found.fnmr(places[best[0]]).share) / 2
    following = places[min(best[-1] + 1, len(places) - 1)]
    assert threshold == pytest.approx((places[best[0]] + following) / 2)
