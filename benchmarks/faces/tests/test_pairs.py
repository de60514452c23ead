"""Pairs of persons: which are compared, and intervals that come from persons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from ..conditions import CONDITIONS
from ..evaluation import PLAIN
from ..pairs import Pairs, pairs_among, pairs_between
from ..plots import curve_thresholds
from ..synthetic import synthetic_evaluation


def unit(angle: float) -> tuple[float, float]:
    return float(np.cos(angle)), float(np.sin(angle))


def counted_one_by_one(persons: Sequence[str], pairs: Pairs, threshold: float) -> tuple[int, int]:
    misses = matches = 0
    for i, one in enumerate(persons):
        for j, other in enumerate(persons):
            if i < j and one == other:
                misses += bool(pairs.distances[i, j] > threshold)
            elif i < j:
                matches += bool(pairs.distances[i, j] <= threshold)
    return misses, matches


def test_each_two_are_compared_once_and_nobody_with_their_own_picture() -> None:
    pairs = pairs_among(["b", "a", "b"], [unit(0), unit(1), unit(0.5)])
    assert pairs.comparisons.genuine == pytest.approx([1 - np.cos(0.5)], abs=1e-6)
    assert pairs.comparisons.impostor == pytest.approx([1 - np.cos(0.5), 1 - np.cos(1)], abs=1e-6)


def test_an_enrolled_picture_is_held_against_each_other_one_under_a_condition() -> None:
    pairs = pairs_between(["a", "a", "b"], [unit(0)] * 3, [unit(0)] * 3)
    assert (len(pairs.comparisons.genuine), len(pairs.comparisons.impostor)) == (2, 4)


def test_a_picture_without_a_face_is_in_no_rate_but_counted_as_lost() -> None:
    found = pairs_between(["a", "a", "b"], [unit(0)] * 3, [unit(0), (), unit(0)]).comparisons
    assert (len(found.genuine), len(found.impostor)) == (1, 3)
    assert (found.genuine_failed, found.impostor_failed) == (1, 1)


def test_counting_by_matrix_gives_what_counting_every_pair_gives() -> None:
    evaluation = synthetic_evaluation(60, 12, [PLAIN], seed=3)
    pairs = evaluation.pairs(PLAIN)
    for threshold in (0.02, 0.05, 0.1, 0.3):
        found = (pairs.fnmr(threshold).rate.errors, pairs.fmr(threshold).rate.errors)
        assert found == counted_one_by_one(evaluation.persons, pairs, threshold)
        assert pairs.fmr(threshold).rate == pairs.comparisons.fmr(threshold)
        assert pairs.fnmr(threshold).rate == pairs.comparisons.fnmr(threshold)


def test_one_person_who_is_always_missed_makes_the_interval_of_persons_wider_than_that_of_pairs() -> None:
    persons = [f"{person:02}" for person in range(20) for _ in range(8)]
    templates = [unit(picture if person == "07" else 0) for picture, person in enumerate(persons)]
    found = pairs_among(persons, templates).fnmr(0.01)
    assert found.interval is not None
    by_pairs = found.rate.interval
    assert found.interval[0] == 0.0, "the person may not have been drawn"
    assert found.interval[1] > 2 * by_pairs[1]


def test_no_error_of_n_persons_is_compatible_with_three_in_n_however_many_their_pairs_are() -> None:
    persons = [f"{person:02}" for person in range(30) for _ in range(4)]
    pairs = pairs_among(persons, [unit(0)] * len(persons))
    assert pairs.fnmr(0.5).interval == (0.0, 0.1)
    assert pairs.fmr(-0.5).interval == (0.0, 0.2)


def test_of_few_persons_no_interval_is_given() -> None:
    pairs = pairs_among(["a", "a", "b", "b"], [unit(0)] * 4)
    assert pairs.fnmr(0.5).interval is None and pairs.fmr(0.5).interval is None
    assert "too few persons" in str(pairs.fmr(0.5))


def test_a_curve_of_many_pairs_has_few_points_and_keeps_both_of_its_ends() -> None:
    found = synthetic_evaluation(400, 40, [PLAIN], seed=4).pairs(PLAIN).comparisons
    thresholds = curve_thresholds(found)
    assert len(thresholds) <= 600 < len(found.impostor)
    assert found.impostor[0] in thresholds and found.genuine[-1] in thresholds


def test_every_condition_has_its_pairs() -> None:
    evaluation = synthetic_evaluation(24, 12, CONDITIONS, seed=5)
    assert all(len(evaluation.pairs(name).comparisons.genuine) for name in CONDITIONS)
