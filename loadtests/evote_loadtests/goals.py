"""The goals of a deployment's services on two quiet cores, and the run that holds all of them against figures.

Nobody comes for a while; then some fetch their credentials; then ballots come that were made beforehand, at a rate
that must be borne, and at one that needn't be; then nobody comes again. Any other run has goals of its own, of what
people wait.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from statistics import median
from typing import Final

from evote_local.people.observed import is_no_voters, is_the_citys

from .arrivals import IDLE_BEHIND, PROFILES, Phase, Plan
from .cautions import LATEST_ARRIVAL_S
from .crowd import ANCHORED, CAST, LOGGED
from .figures import Figures, PhaseFigures, Run
from .rush import ATTEMPTS, DUE

IDLE, RELEASES, STEADY, CROWDED = "idle", "releases", "steady", "crowded"
_MEMORY: Final = "memory of "
_STARTS_AFTER_S: Final = 2.0
"""The client's own start isn't of the first phase."""
_FLAT_SHARE, _FLAT_MB = 0.10, 16.0
"""Memory is flat that grows by no more, of what there was or in all: interpreters and pools fill up for a while."""
_FLAT_KB_A_BALLOT: Final = 0.5
"""And of each ballot no more stays: that of a city of 240,000 voters, a third of whom cast again, would be 160 MB."""
_LOOKS: Final = 10
"""In a quarter of a phase: the median of fewer says nothing of how memory grew."""
TOO_FEW_LOOKS: Final = (
    f"Memory: not judged. A quarter of the phase has fewer than {_LOOKS} looks at the processes, too few to say "
    "whether one grows."
)
ANCHORED_WITHIN_S: Final = 300.0
"""On a chain that takes a block every few seconds, or minutes."""


@dataclass(frozen=True)
class Rate:
    """A phase: how many come a second, for how long."""

    per_s: float
    seconds: float
    settles_s: float = 0

    @property
    def arrivals(self) -> int:
        return round(self.per_s * self.seconds)


Rates = Mapping[str, Rate]
RUNS: Final[Mapping[str, Rates]] = {
    "full": {IDLE: Rate(0, 60), RELEASES: Rate(10, 20, 10), STEADY: Rate(50, 600, 15), CROWDED: Rate(150, 60, 5)},
    "flood": {IDLE: Rate(0, 15), RELEASES: Rate(10, 5, 5), STEADY: Rate(50, 30, 8), CROWDED: Rate(400, 30, 10)},
    "short": {IDLE: Rate(0, 15), RELEASES: Rate(10, 5, 5), STEADY: Rate(50, 30, 8), CROWDED: Rate(150, 10, 5)},
}
_SETTLES_S: Final = 10.0
"""Behind the last visit: then the log, witnesses and chain have what came."""


def people_of(run: Rates) -> tuple[int, int]:
    """How many come with a card, for a credential, and how many with one, to cast."""
    return run[RELEASES].arrivals, run[STEADY].arrivals + run[CROWDED].arrivals


def plan_of(run: Rates, random: Random) -> Plan:
    """All arrivals: the first visits are those with a card. Behind them nobody comes for as long as before them."""
    visits: dict[int, float] = {}
    phases, at = [], _STARTS_AFTER_S
    for name, rate in run.items():
        phases.append(Phase(name, at, rate.seconds, rate.settles_s))
        for moment in PROFILES["constant"].arrivals(rate.arrivals, rate.seconds, random):
            visits[len(visits)] = at + moment
        at += rate.seconds + rate.settles_s
    return Plan(visits, [], phases, settles_s=_SETTLES_S, idle_s=run[IDLE].seconds)


@dataclass(frozen=True)
class Goal:
    """A goal, and what the run reached."""

    name: str
    at_most: float
    figure: float
    unit: str

    @property
    def met(self) -> bool:
        # A figure that isn't there (not a number) meets nothing.
        return self.figure <= self.at_most

    def __str__(self) -> str:
        reached = "not measured" if math.isnan(self.figure) else f"{self.figure:.4g} {self.unit}"
        return f"{self.name}: {reached}, and not {self.at_most:.4g}"


def waits_of(run: Run, figures: Figures, anchored_within_s: float = ANCHORED_WITHIN_S) -> Iterator[Goal]:
    """The goals of any run: what 99 of 100 wait, where somebody waited for it at all."""
    yield _of_client(figures)
    for name, within_s in {CAST: 1.0, LOGGED: 5.0, ANCHORED: anchored_within_s}.items():
        served = sorted(sample.seconds for sample in run.samples if sample.name == name and sample.fault is None)
        seconds = served[math.ceil(0.99 * len(served)) - 1] if served else math.nan
        yield Goal(f"{name}, of 99%", within_s, seconds, "s")


def goals_of(figures: Figures) -> Iterator[Goal]:
    """Each goal beside its figure."""
    phases = {phase.name: phase for phase in figures.phases}
    idle, releases, steady, crowded = (phases[name] for name in (IDLE, RELEASES, STEADY, CROWDED))
    behind = phases.get(IDLE_BEHIND)
    for whose, processes in ((is_the_citys, "the city's processes"), (is_no_voters, "with witnesses and chain")):
        idle_cores = idle.cores(whose)
        release = _each_ms(releases, releases.released, whose, idle_cores)
        ballot = _each_ms(steady, steady.accepted, whose, idle_cores)
        yield Goal(f"idle stack, {processes}", 0.3, idle_cores, "cores")
        behind_cores = math.nan if behind is None else behind.cores(whose)
        yield Goal(f"idle stack behind the crowd, {processes}", 0.3, behind_cores, "cores")
        yield Goal(f"a release, {processes}", 25, release, "ms of a processor")
        yield Goal(f"a ballot, {processes}", 6, ballot, "ms of a processor")
    yield from _borne(steady, f"{steady.planned_per_s:.0f}/s for {steady.seconds:g} s")
    rush = f"{crowded.planned_per_s:.0f}/s for {crowded.seconds:g} s"
    yield Goal(f"{rush}: accepted, {DUE}, p99", 2000, crowded.due.p99_ms, "ms")
    yield Goal(f"{rush}: neither accepted nor a clean 503", 0, crowded.unclean, "attempts")
    yield Goal(f"gave up after {ATTEMPTS} attempts", 0, figures.gave_up, "ballots")
    yield Goal("acknowledged, and not in the log", 0, figures.missing, "ballots")
    yield from _within_bounds(figures.phases)
    for name, one in grown(steady).items():
        yield Goal(f"{_MEMORY}{name} grows no more", max(_FLAT_MB, one.before_mb * _FLAT_SHARE), one.grown_mb, "MB")
        yield Goal(f"{_MEMORY}{name}, of each ballot", _FLAT_KB_A_BALLOT, one.kb_a_ballot, "kB")
    yield _of_client(figures)


def _of_client(figures: Figures) -> Goal:
    """One that is late measures itself, and needs a machine of its own."""
    return Goal("the client's own latest arrival", LATEST_ARRIVAL_S * 1000, figures.latest_arrival_s * 1000, "ms late")


def _borne(phase: PhaseFigures, rate: str) -> Iterator[Goal]:
    yield Goal(f"{rate}: {DUE}, p95", 60, phase.due.p95_ms, "ms")
    yield Goal(f"{rate}: {DUE}, p99", 150, phase.due.p99_ms, "ms")
    yield Goal(f"{rate}: not accepted at once", 0, phase.planned - phase.accepted_at_once, "ballots")


def _within_bounds(phases: Sequence[PhaseFigures]) -> Iterator[Goal]:
    """What settings bound is none of what a ballot takes for as long as it stays within: a leak doesn't."""
    for name in sorted({name for phase in phases for name in phase.bounded}):
        seen = [phase.bounded[name] for phase in phases if name in phase.bounded]
        bounds = seen[-1].bounds
        processes = max(number for one in seen for number in one.processes)
        shared_mb = max(mb for one in seen for mb in one.shared_mb)
        yield Goal(f"processes of {name}, within its settings", bounds.processes, processes, "processes")
        yield Goal(f"shared memory of {name}, within its settings", bounds.shared_mb, shared_mb, "MB")


def _each_ms(phase: PhaseFigures, things: int, whose: Callable[[str], bool], idle_cores: float) -> float:
    """What one thing cost the processors, beyond what is spent when nobody comes."""
    if not things:
        return float("nan")
    return (phase.cpu_s(whose) - idle_cores * phase.counted_s) / things * 1000


def each_process_ms(
    spent: Mapping[str, float], seconds: float, idle: Mapping[str, float], idle_seconds: float, things: int
) -> Mapping[str, float]:
    """What one thing took of each process but the crowd beyond what it spends when nobody comes; the most first.

    Args:
        spent: seconds of a processor, by process, in so many ``seconds`` in which so many ``things`` came.
        idle: the same in ``idle_seconds`` in which nobody came.
    """
    beyond = {
        name: (used - idle.get(name, 0.0) / idle_seconds * seconds) / things * 1000
        for name, used in spent.items()
        if is_no_voters(name) and things
    }
    return dict(sorted(beyond.items(), key=lambda found: -found[1]))


def costs_table(figures: Figures) -> Iterator[str]:
    """What a release and a ballot took, by process, as a Markdown table."""
    phases = {phase.name: phase for phase in figures.phases}
    idle, releases, steady = (phases[name] for name in (IDLE, RELEASES, STEADY))
    release, ballot = (
        each_process_ms(phase.cpu_by_process_s, phase.counted_s, idle.cpu_by_process_s, idle.counted_s, things)
        for phase, things in ((releases, releases.released), (steady, steady.accepted))
    )
    yield "| ms of a processor, beyond the idle stack | a release | a ballot |"
    yield "|---|---|---|"
    for name in ballot:
        yield f"| {name} | {release.get(name, math.nan):.2f} | {ballot[name]:.2f} |"


@dataclass(frozen=True)
class Growth:
    """What a process had more in the last quarter of a phase than in the second, by each quarter's median look.

    The median passes by what is there for a look or two: a worker that ends, sessions that are opened in a stall.
    """

    before_mb: float
    grown_mb: float
    kb_a_ballot: float
    """Of each ballot that came between the middles of the two; not a number where none did."""


def growth(memory: Sequence[float], ballots: int, processes: Sequence[int] = ()) -> Growth | None:
    """Of a process whose ``memory``, in MB, was looked at evenly while so many ``ballots`` came.

    None: it was looked at too seldom, as in a run of a minute or two.

    Args:
        processes: how many shared it at each look, of a server whose settings bound that: one more or less is no
            growth. What it had is then what as many as there are at the end would have had.
    """
    quarter = len(memory) // 4
    if quarter < _LOOKS:
        return None
    if processes:
        at_the_end = median(processes[-quarter:])
        memory = [mb / number * at_the_end for mb, number in zip(memory, processes, strict=True)]
    before, after = median(memory[quarter : 2 * quarter]), median(memory[-quarter:])
    # Half of the phase lies between the two middles.
    return Growth(before, after - before, (after - before) * 1000 / (ballots / 2) if ballots else math.nan)


def grown(phase: PhaseFigures) -> Mapping[str, Growth]:
    """How much each of the city's processes grew, of those that were looked at often enough."""
    processes = {name: one.processes for name, one in phase.bounded.items()}
    return growth_by_process(phase.memory_mb, phase.accepted, processes)


def growth_by_process(
    memory_mb: Mapping[str, Sequence[float]], ballots: int, processes: Mapping[str, Sequence[int]]
) -> Mapping[str, Growth]:
    """:func:`growth` of the city's processes, for those that have one."""
    found = {
        name: growth(memory, ballots, processes.get(name, ()))
        for name, memory in sorted(memory_mb.items())
        if is_the_citys(name)
    }
    return {name: one for name, one in found.items() if one is not None}


def is_of_memory(goal: str) -> bool:
    """Whether a goal of that name says something of memory."""
    return goal.startswith(_MEMORY)


def memory_table(figures: Figures) -> Iterator[str]:
    """What each process grew by while ballots came at the rate that must be borne, as a Markdown table."""
    steady = next(phase for phase in figures.phases if phase.name == STEADY)
    if not grown(steady):
        yield TOO_FEW_LOOKS
        return
    yield "| memory | before, MB | grown, MB | kB a ballot |"
    yield "|---|---|---|---|"
    for name, one in grown(steady).items():
        yield f"| {name} | {one.before_mb:.1f} | {one.grown_mb:.1f} | {one.kb_a_ballot:.2f} |"


def table(goals: Sequence[Goal]) -> Iterator[str]:
    """As a Markdown table."""
    yield "| goal | at most | figure | |"
    yield "|---|---|---|---|"
    for goal in goals:
        reached = "met" if goal.met else "**missed**"
        yield f"| {goal.name} | {goal.at_most:.4g} {goal.unit} | {goal.figure:.4g} | {reached} |"
