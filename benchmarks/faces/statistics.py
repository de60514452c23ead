"""Error rates after ISO/IEC 19795-1, with their uncertainty.

Distances are sorted once; every count is then a place in that order, however many are asked for.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from math import inf, sqrt

import numpy as np
from numpy.typing import NDArray

Distances = NDArray[np.floating]

_Z = 1.96


@dataclass(frozen=True)
class Rate:
    """Errors among trials."""

    errors: int
    trials: int

    @property
    def share(self) -> float:
        """Errors for each trial; 0 without a trial."""
        return self.errors / self.trials if self.trials else 0.0

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, by Wilson, for trials that don't depend on each other; with no error its upper end is by the rule of
        three."""
        if self.trials == 0:
            return 0.0, 1.0
        share, n = self.share, self.trials
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        if self.errors == 0:
            return 0.0, min(3 / n, 1.0)
        return max(middle - reach, 0.0), min(middle + reach, 1.0)

    def __str__(self) -> str:
        if self.trials == 0:
            return "–"
        low, high = self.interval
        return f"{self.errors} of {self.trials} = {self.share:.1%} ({low:.1%}–{high:.1%})"


@dataclass(frozen=True, eq=False)
class Comparisons:
    """Distances of pairs, each kind in rising order, and how many couldn't be made for want of a face."""

    genuine: Distances
    impostor: Distances
    genuine_failed: int
    impostor_failed: int

    def fnmr(self, threshold: float) -> Rate:
        """Genuine pairs farther apart than the threshold."""
        return Rate(len(self.genuine) - _up_to(self.genuine, threshold), len(self.genuine))

    def fmr(self, threshold: float) -> Rate:
        """Impostor pairs within the threshold."""
        return Rate(_up_to(self.impostor, threshold), len(self.impostor))

    def equal_error(self) -> tuple[float, float]:
        """The rate at which both errors are nearest to equal, and the threshold in the middle of where they are.

        Matches less misses rise with every distance, from the smallest to the largest: the two distances between which
        they change their sign are found by halving.
        """
        crossing = min(self._first(self.genuine), self._first(self.impostor))
        before = max(0.0, _last_below(self.genuine, crossing), _last_below(self.impostor, crossing))
        if crossing == inf or abs(self._excess(before)) < abs(self._excess(crossing)):
            best = last = before
        elif abs(self._excess(before)) == abs(self._excess(crossing)):
            best, last = before, crossing
        else:
            best = last = crossing
        following = min(_first_above(self.genuine, last), _first_above(self.impostor, last))
        end = last if following == inf else following
        return (self.fmr(best).share + self.fnmr(best).share) / 2, (best + end) / 2

    def _excess(self, threshold: float) -> float:
        return self.fmr(threshold).share - self.fnmr(threshold).share

    def _first(self, distances: Distances) -> float:
        """The first of them with as many matches as misses."""
        place = bisect_left(distances, 0.0, key=lambda distance: self._excess(float(distance)))
        return float(distances[place]) if place < len(distances) else inf


def _up_to(distances: Distances, threshold: float) -> int:
    return int(np.searchsorted(distances, _alike(distances, threshold), side="right"))


def _first_above(distances: Distances, threshold: float) -> float:
    place = _up_to(distances, threshold)
    return float(distances[place]) if place < len(distances) else inf


def _last_below(distances: Distances, threshold: float) -> float:
    place = int(np.searchsorted(distances, _alike(distances, threshold), side="left"))
    return float(distances[place - 1]) if place else 0.0


def _alike(distances: Distances, threshold: float) -> np.floating:
    """Of the distances' own precision: numpy would copy all of them to that of a Python number."""
    return distances.dtype.type(threshold)
