"""When voters come: profiles of a polling time, compressed into a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from random import Random
from typing import Final

WITHOUT_JUNK, WITH_JUNK = "without junk", "with junk"
"""The halves of a run beside a flood."""
IDLE_BEHIND: Final = "idle, behind the crowd"
"""Nobody comes any more: the deployment has the log of the whole run."""


@dataclass(frozen=True)
class Profile:
    """How the arrivals spread over the run, and what comes beside them."""

    says: str
    weights: Sequence[float]
    """How many come in each of as many equal parts of the run, in proportion."""
    junk_per_voter: float = 0
    """Requests of a flood, for each visit of a voter while it lasts: the second half of the run."""
    come: float = 1
    """The share of the roll that votes."""

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
    """Casts by hour, from 27 February, 9:00, to 4 March, 20:00, without the 110 later ones of those already inside.

    What the National Electoral Office told: 324,301 casts in all, the four hours below, and under 100 an hour in the
    depth of the night. The others share what remains; the form of their day is assumed (more in the morning, fewer
    until the evening, as was told). All hours were published as a picture alone.

    Source: ERR News, 22 March 2023, https://news.err.ee/1608922796/e-votes-spiked-in-final-hours-of-elections
    """
    told = {0: 7_298.0, 67: 45.0, 129: 8_065.0, 130: 11_029.0}
    form = [0.4] * 2 + [0.0] * 3 + [0.4] * 3 + [1.5] * 4 + [1.1] * 6 + [1.4] * 5 + [0.8]
    day = [form[(9 + hour) % 24] for hour in range(131)]
    told = {hour: 90.0 for hour in range(131) if not day[hour]} | told
    others = [0.0 if hour in told else weight for hour, weight in enumerate(day)]
    each = (324_301 - 110 - sum(told.values())) / sum(others)
    return [told.get(hour, each * weight) for hour, weight in enumerate(others)]


PROFILES: Final[Mapping[str, Profile]] = {
    "constant": Profile("the same rate all the time", [1]),
    "tsukuba-2022": Profile(
        "seven days around the clock, as in Tsukuba in 2022: 1,506 of 14,000 come", _seven_days(), come=1_506 / 14_000
    ),
    "estonia-2023": Profile(
        "131 hours as in Estonia in 2023, four of them told, the rest assumed: busy at the start, asleep at night, "
        "the last hour the busiest",
        _estonia_2023(),
    ),
    "last-minutes": Profile(
        "each tenth of the time a half more than the one before", [1.5**part for part in range(10)]
    ),
    "junk": Profile(
        "a constant rate, and in the second half ten pieces of junk for each voter", [1], junk_per_voter=10
    ),
}


@dataclass(frozen=True)
class Phase:
    """A part of a run whose figures stand for themselves."""

    name: str
    begins_s: float
    """From the start of the run."""
    seconds: float
    settles_s: float = 0
    """What is spent so long after its end is still of its arrivals: nobody comes then."""


@dataclass(frozen=True)
class Plan:
    """When who comes, in seconds from the start; planned before it, and dealt out to the client processes."""

    visits: Mapping[int, float]
    """By the visit's number."""
    junk: Sequence[float]
    phases: Sequence[Phase]
    settles_s: float = 0
    """After the end of the last visit."""
    idle_s: float = 0
    """So long, behind that, nobody comes, and what the deployment then takes is looked at."""

    def share(self, worker: int, workers: int, people: int) -> Plan:
        """What one client process sends in: a voter's visits all come to the same one, for the later waits."""
        visits = {number: at for number, at in self.visits.items() if number % people % workers == worker}
        return replace(self, visits=visits, junk=self.junk[worker::workers])

    def in_order(self) -> list[tuple[float, int | None]]:
        """Each arrival with the number of the visit; None: junk."""
        arrivals: list[tuple[float, int | None]] = [(at, number) for number, at in self.visits.items()]
        return sorted([*arrivals, *((at, None) for at in self.junk)], key=lambda arrival: arrival[0])


def plan_of(profile: str, voters: int, again: float, seconds: float, random: Random) -> Plan:
    """Who comes of the roll comes once, and the share ``again`` of them a second time: under ``voters`` and their own
    number."""
    shape = PROFILES[profile]
    # Any of them: those who have letters stand at the end of the roll, who hold cards to a phone at its beginning.
    who = sorted(random.sample(range(voters), max(1, round(voters * shape.come))))
    numbers = [*who, *(voters + number for number in who[: round(len(who) * again)])]
    visits = len(numbers)
    arrivals = dict(zip(numbers, shape.arrivals(visits, seconds, random), strict=True))
    if not shape.junk_per_voter:
        return Plan(arrivals, [], [Phase(profile, 0, seconds)])
    half = seconds / 2
    junk = [half + at for at in shape.arrivals(round(visits / 2 * shape.junk_per_voter), half, random)]
    return Plan(arrivals, junk, [Phase(WITHOUT_JUNK, 0, half), Phase(WITH_JUNK, half, half)])
