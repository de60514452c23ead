"""Error rates after ISO/IEC 19795-1, with their uncertainty."""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt

import numpy as np

_Z = 1.96


@dataclass(frozen=True)
class Rate:
    """Errors among trials."""

    errors: int
    trials: int

    @property
    def interval(self) -> tuple[float, float]:
        """95 %, by Wilson; with no error its upper end is by the rule of three."""
        if self.trials == 0:
            return 0.0, 1.0
        share, n = self.errors / self.trials, self.trials
        middle = (share + _Z**2 / (2 * n)) / (1 + _Z**2 / n)
        reach = _Z / (1 + _Z**2 / n) * sqrt(share * (1 - share) / n + _Z**2 / (4 * n**2))
        if self.errors == 0:
            return 0.0, min(3 / n, 1.0)
        return max(middle - reach, 0.0), min(middle + reach, 1.0)

    def __str__(self) -> str:
        if self.trials == 0:
            return "–"
        low, high = self.interval
        return f"{self.errors} of {self.trials} = {self.errors / self.trials:.1%} ({low:.1%}–{high:.1%})"


@dataclass(frozen=True)
class Comparisons:
    """Distances of pairs, and how many couldn't be made for want of a face."""

    genuine: list[float]
    impostor: list[float]
    genuine_failed: int
    impostor_failed: int

    def fnmr(self, threshold: float) -> Rate:
        """Genuine pairs farther apart than the threshold."""
        return Rate(sum(distance > threshold for distance in self.genuine), len(self.genuine))

    def fmr(self, threshold: float) -> Rate:
        """Impostor pairs within the threshold."""
        return Rate(sum(distance <= threshold for distance in self.impostor), len(self.impostor))

    def equal_error(self) -> tuple[float, float]:
        """The rate at which both errors are nearest to equal, and the threshold in the middle of where they are."""
        places = np.unique([0.0, *self.genuine, *self.impostor])
        rates = [(self._share(self.fmr(place)), self._share(self.fnmr(place))) for place in places]
        gaps = np.array([abs(match - miss) for match, miss in rates])
        best = np.flatnonzero(gaps == gaps.min())
        following = places[min(best[-1] + 1, len(places) - 1)]
        match, miss = rates[best[0]]
        return (match + miss) / 2, float((places[best[0]] + following) / 2)

    @staticmethod
    def _share(rate: Rate) -> float:
        return rate.errors / rate.trials if rate.trials else 0.0
