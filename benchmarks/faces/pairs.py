"""All pairs of a data set: how far apart, and whose. One person's pairs resemble each other, so that persons are drawn
again for an interval, not pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .statistics import Comparisons, Rate

Template = Sequence[float]

FEWEST_PERSONS = 10
"""Of fewer, drawn again and again, no interval can be had."""
_DRAWS = 1000
_SEED = 20261128
"""The same readings give the same intervals."""


@dataclass(frozen=True)
class PersonRate:
    """A rate, with a 95 % interval that persons were drawn for."""

    rate: Rate
    interval: tuple[float, float] | None
    """None of fewer persons than :data:`FEWEST_PERSONS`."""

    def __str__(self) -> str:
        if self.rate.trials == 0:
            return "–"
        said = f"{self.rate.errors} of {self.rate.trials} = {self.rate.share:.2%}"
        if self.interval is None:
            return f"{said} (too few persons)"
        return f"{said} ({self.interval[0]:.2%}–{self.interval[1]:.2%})"


@dataclass(frozen=True, eq=False)
class Pairs:
    """The cosine distance of each reference (row) and probe (column); what isn't compared is in neither."""

    persons: NDArray[np.intp]
    """The number of each sample's person, from 0."""
    distances: NDArray[np.float32]
    """Not a number where one of the two has no face."""
    genuine: NDArray[np.bool_]
    impostor: NDArray[np.bool_]
    """Which pairs are compared: each once, none with itself."""

    @cached_property
    def comparisons(self) -> Comparisons:
        """Without the persons, in order."""
        failed = np.isnan(self.distances)
        return Comparisons(
            np.sort(self.distances[self.genuine & ~failed]),
            np.sort(self.distances[self.impostor & ~failed]),
            int(np.count_nonzero(self.genuine & failed)),
            int(np.count_nonzero(self.impostor & failed)),
        )

    def fnmr(self, threshold: float) -> PersonRate:
        """Genuine pairs farther apart than the threshold."""
        # Few, against those of all: they are looked for once.
        distances, whose = self._genuine
        errors, trials = self._count(whose[distances > threshold]), self._count(whose)
        # No error of n persons: the rule of three, for as many trials as there are persons.
        drawn = (self._draws @ errors, self._draws @ trials)
        return _rate(errors, trials, drawn, int(np.count_nonzero(trials)))

    def fmr(self, threshold: float) -> PersonRate:
        """Impostor pairs within the threshold."""
        errors = self._by_persons(self.impostor & (self.distances <= threshold))
        drawn = (((self._draws @ errors) * self._draws).sum(axis=1), self._impostor_drawn)
        # n persons make no more than n / 2 pairs that don't depend on each other.
        return _rate(errors, self._impostor_trials, drawn, self._people // 2)

    @property
    def _people(self) -> int:
        return int(self.persons.max(initial=-1)) + 1

    @cached_property
    def _genuine(self) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
        """The distance of each genuine pair, and whose it is."""
        rows, columns = np.nonzero(self.genuine & ~np.isnan(self.distances))
        return self.distances[rows, columns], self.persons[rows]

    @cached_property
    def _impostor_trials(self) -> NDArray[np.float32]:
        return self._by_persons(self.impostor & ~np.isnan(self.distances))

    @cached_property
    def _impostor_drawn(self) -> NDArray[np.float32]:
        return np.asarray(((self._draws @ self._impostor_trials) * self._draws).sum(axis=1), np.float32)

    @cached_property
    def _draws(self) -> NDArray[np.float32]:
        """How often each person (column) is drawn, as many as there are, draw by draw."""
        people = self._people
        drawn = np.random.default_rng(_SEED).multinomial(people, np.full(people, 1 / people), _DRAWS)
        return np.asarray(drawn, np.float32)

    def _count(self, whose: NDArray[np.intp]) -> NDArray[np.float32]:
        """How many pairs are each person's; counts this small are exact."""
        return np.bincount(whose, minlength=self._people).astype(np.float32)

    def _by_persons(self, chosen: NDArray[np.bool_]) -> NDArray[np.float32]:
        """How many pairs were chosen of each two persons."""
        people = self._people
        rows, columns = np.nonzero(chosen)
        counted = np.bincount(self.persons[rows] * people + self.persons[columns], minlength=people**2)
        return counted.astype(np.float32).reshape(people, people)


def pairs_among(persons: Sequence[str], templates: Sequence[Template]) -> Pairs:
    """Each two samples once. A template without numbers is that of a picture without a face."""
    return _pairs(persons, templates, templates, np.triu(np.ones((len(persons),) * 2, np.bool_), 1))


def pairs_between(persons: Sequence[str], references: Sequence[Template], probes: Sequence[Template]) -> Pairs:
    """Each sample as enrolled against each other one as a probe."""
    return _pairs(persons, references, probes, ~np.eye(len(persons), dtype=np.bool_))


def _pairs(
    persons: Sequence[str], references: Sequence[Template], probes: Sequence[Template], compared: NDArray[np.bool_]
) -> Pairs:
    _, numbers = np.unique(np.array(persons), return_inverse=True)
    same = numbers[:, None] == numbers[None, :]
    distances = 1 - _matrix(references) @ _matrix(probes).T
    return Pairs(numbers, distances, same & compared, ~same & compared)


def _matrix(templates: Sequence[Template]) -> NDArray[np.float32]:
    length = max(map(len, templates), default=0)
    missing = (np.nan,) * length
    return np.array([template or missing for template in templates], np.float32)


def _rate(
    errors: NDArray[np.float32],
    trials: NDArray[np.float32],
    drawn: tuple[NDArray[np.float32], NDArray[np.float32]],
    independent: int,
) -> PersonRate:
    rate = Rate(int(errors.sum(dtype=np.float64)), int(trials.sum(dtype=np.float64)))
    if independent < FEWEST_PERSONS / 2 or not drawn[1].any():
        return PersonRate(rate, None)
    if rate.errors == 0:
        return PersonRate(rate, (0.0, min(3 / independent, 1.0)))
    shares = drawn[0][drawn[1] > 0] / drawn[1][drawn[1] > 0]
    low, high = np.percentile(shares, (2.5, 97.5))
    return PersonRate(rate, (float(low), float(high)))
