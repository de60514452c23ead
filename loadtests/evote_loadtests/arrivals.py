"""When voters come: profiles of a polling time, compressed into a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Final


@dataclass(frozen=True)
class Profile:
    """How the arrivals spread over the run, and what comes beside them."""

    says: str
    weights: Sequence[float]
    """How many come in each of as many equal parts of the run, in proportion."""
    junk_per_voter: float = 0
    """Requests of a flood, for each visit of a voter: bodies that are no ballots."""

    def arrivals(self, count: int, seconds: float, random: Random) -> list[float]:
        """``count`` moments in [0, seconds), in order: a Poisson process with these weights, given how many come."""
        part = seconds / len(self.weights)
        parts = random.choices(range(len(self.weights)), self.weights, k=count)
        return sorted((number + random.random()) * part for number in parts)


def _seven_days() -> list[float]:
    """Hours of a week: what the city published is the sum, so the day's shape is assumed (busy from 8 to 22)."""
    day = [1.0 if 8 <= hour < 22 else 0.15 for hour in range(24)]
    return day * 7


def _estonia_2023() -> list[float]:
    """131 hours (27 February, 9:00, to 4 March, 20:00), of which the last was the busiest, with 3.4 % of all casts.

    The growth towards it is assumed to be even.
    """
    hours, last = 131 - 1, 0.034
    rise = [1 + hour / hours for hour in range(hours)]
    return [*(weight * (1 - last) / sum(rise) for weight in rise), last]


PROFILES: Final[Mapping[str, Profile]] = {
    "constant": Profile("the same rate all the time", [1]),
    "tsukuba-2022": Profile("seven days around the clock, as in Tsukuba in 2022", _seven_days()),
    "estonia-2023": Profile("the busiest hour is the last, as in Estonia in 2023", _estonia_2023()),
    "last-minutes": Profile(
        "each tenth of the time a half more than the one before", [1.5**part for part in range(10)]
    ),
    "junk": Profile("a constant rate, and ten bodies of junk for each voter", [1], junk_per_voter=10),
}
