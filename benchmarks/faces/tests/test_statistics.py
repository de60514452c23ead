"""Error rates and their uncertainty, against values worked out by hand."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ..statistics import Comparisons, Rate

DISTANCES = st.lists(st.floats(0, 1), min_size=1, max_size=30)


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
    found = Comparisons([0.1, 0.2], [0.2, 0.3], 0, 0)
    assert found.fnmr(0.2) == Rate(0, 2)
    assert found.fmr(0.2) == Rate(1, 2)


def test_separate_distances_have_no_equal_error_and_a_threshold_between_them() -> None:
    rate, threshold = Comparisons([0.01, 0.04], [0.10, 0.20], 0, 0).equal_error()
    assert rate == 0
    assert 0.04 < threshold < 0.10


def test_distances_that_cross_have_their_equal_error() -> None:
    rate, _ = Comparisons([0.1, 0.2, 0.3, 0.6], [0.25, 0.7, 0.8, 0.9], 0, 0).equal_error()
    assert rate == 0.25


@given(DISTANCES, DISTANCES, st.floats(0, 1), st.floats(0, 1))
def test_a_wider_threshold_never_refuses_more_nor_mistakes_less(
    genuine: list[float], impostor: list[float], one: float, other: float
) -> None:
    found, narrow, wide = Comparisons(genuine, impostor, 0, 0), min(one, other), max(one, other)
    assert found.fnmr(narrow).errors >= found.fnmr(wide).errors
    assert found.fmr(narrow).errors <= found.fmr(wide).errors
