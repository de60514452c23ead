"""The figures of a run, what they are held against, and an earlier run beside them."""

from __future__ import annotations

import json
import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from pathlib import Path
from typing import Any, Final

from evote_local.people.latencies import percentiles
from evote_local.people.observed import Bounds, Fault, Seen, is_the_citys

from .arrivals import IDLE_BEHIND, WITH_JUNK, WITHOUT_JUNK, Phase, Plan
from .cautions import Others, cautions
from .client import Outcome
from .crowd import CAST, VISIT, WAYS, Sample
from .rush import DUE, GAVE_UP, UNANSWERED

_ATTEMPTS: Final = ((1, 1), (2, 2), (3, 3), (4, 5), (6, 10), (11, 20), (21, 60))
"""Told together."""
WHICH_IS_WHICH: Final = (
    "Planned: from the moment that was planned for the attempt that got the receipt (the arrival; of who was told to "
    "come again, when they were to), so that what the client was late is in it, and the goals are held on it. "
    "POST: from the sending."
)
"""Of the latencies of a run in which one attempt is one request."""
OF_A_CROWD: Final = (
    f"{CAST}: from the first sending, with each time that somebody asked again. {VISIT.capitalize()}: from the planned "
    "moment, with what the client was late and what people do themselves, as card and encryption."
)


@dataclass(frozen=True)
class Waited:
    """How long people waited for one thing, in milliseconds, by the nearest-rank method."""

    count: int
    failures: int
    p50_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float


@dataclass(frozen=True)
class Bounded:
    """What settings bound of a server, at each look."""

    bounds: Bounds
    processes: Sequence[int]
    shared_mb: Sequence[float]


@dataclass(frozen=True)
class PhaseFigures:
    """A part of a run. What is not a number was not measured."""

    name: str
    seconds: float
    counted_s: float
    """With the time after it in which what has come is worked off."""
    planned: int
    accepted: int
    """Ballots that have a receipt, of whoever came, or came again, until the queues are empty."""
    accepted_per_s: float
    """While people came for the first time."""
    accepted_at_once: int
    """At the first attempt."""
    released: int
    """Credentials, by whichever way in."""
    unavailable: int
    """Answers of 503."""
    unanswered: int
    broken: int
    """Answers from 500 on, other than 503."""
    unclean: int
    """Attempts that were neither served nor told 503."""
    post: Waited
    cpu_by_process_s: Mapping[str, float]
    memory_mb: Mapping[str, Sequence[float]]
    """Of each process, at each look."""
    due: Waited
    """From the planned moment, as :data:`~.rush.DUE`; of a rush alone."""
    bounded: Mapping[str, Bounded] = field(default_factory=dict)
    """Of servers that settings bound."""

    @property
    def planned_per_s(self) -> float:
        return self.planned / self.seconds

    def cpu_s(self, whose: Callable[[str], bool] = is_the_citys) -> float:
        """Of the processes of those names; not a number when nobody looked."""
        used = [spent for name, spent in self.cpu_by_process_s.items() if whose(name)]
        return sum(used) if used else math.nan

    def cores(self, whose: Callable[[str], bool] = is_the_citys) -> float:
        return self.cpu_s(whose) / self.counted_s


@dataclass(frozen=True)
class Through:
    """Ballots that got their receipt at one of some attempts."""

    first: int
    last: int
    visits: Waited
    """From the first arrival to the receipt."""


@dataclass(frozen=True)
class Figures:
    """One run. ``waited`` by the thing that was waited for."""

    profile: str
    voters: int
    visits: int
    planned_s: float
    seconds: float
    casts: int
    casts_per_s: float
    unavailable: int
    latest_arrival_s: float
    missing: int
    waited: Mapping[str, Waited]
    through: Sequence[Through]
    gave_up: int
    """Who had been told to come again too often."""
    faces_refused: Mapping[str, int]
    """Bursts of pictures, by biometric's reasons: who had attempts left tried again, and that is no failure."""
    phases: Sequence[PhaseFigures]
    injected: Sequence[str]
    """Parts that were broken on purpose."""
    cast_again: int
    """Ballots of those who had a receipt already."""
    others: Others | None
    """None: nobody looked."""


@dataclass(frozen=True)
class Run:
    """All that was seen of a run."""

    plan: Plan
    outcome: Outcome
    samples: Sequence[Sample]
    seen: Sequence[Seen]
    injected: Sequence[Fault]

    def excused(self, begun: float, ended: float) -> bool:
        """Whether a part was broken on purpose within that time."""
        return any(begun <= (fault.ended or math.inf) and fault.begun <= ended for fault in self.injected)


def figures_of(run: Run, *, profile: str, voters: int, seconds: float) -> Figures:
    """Sum a run up."""
    outcome = run.outcome
    names = dict.fromkeys(sample.name for sample in run.samples)
    phases = [*run.plan.phases, *_behind(run)]
    return Figures(
        profile=profile,
        voters=voters,
        visits=len(run.plan.visits),
        planned_s=seconds,
        seconds=outcome.seconds,
        casts=len(outcome.kept),
        casts_per_s=len(outcome.kept) / outcome.seconds if outcome.seconds else 0,
        unavailable=sum(refusal.status in (None, HTTPStatus.SERVICE_UNAVAILABLE) for refusal in outcome.refusals),
        latest_arrival_s=outcome.latest_s,
        missing=len(outcome.missing),
        waited={name: _waited([one for one in run.samples if one.name == name]) for name in names},
        through=list(_through(run.samples)),
        gave_up=sum(sample.name == GAVE_UP for sample in run.samples),
        faces_refused=dict(outcome.faces_refused),
        phases=[_phase(phase, run) for phase in phases],
        injected=[fault.name for fault in run.injected],
        cast_again=len(outcome.kept) - len({kept.voter for kept in outcome.kept}),
        others=_others([_window(phase, run) for phase in phases], run.seen),
    )


def _waited(samples: Sequence[Sample]) -> Waited:
    served = [sample.seconds for sample in samples if sample.fault is None]
    failures = len(samples) - len(served)
    if not served:
        return Waited(failures, failures, *(math.nan,) * 4)
    found = percentiles(served)
    return Waited(len(samples), failures, found.p50_ms, found.p95_ms, found.p99_ms, found.max_ms)


def _through(samples: Sequence[Sample]) -> Iterator[Through]:
    for first, last in _ATTEMPTS:
        found = [one for one in samples if one.name == VISIT and first <= one.attempt <= last]
        if found:
            yield Through(first, last, _waited(found))


def _window(phase: Phase, run: Run) -> tuple[float, float]:
    """From when, until when what is spent is a phase's."""
    begun = run.outcome.started + phase.begins_s
    last = phase is run.plan.phases[-1]
    ended = begun + phase.seconds + phase.settles_s
    return begun, max(ended, run.outcome.started + run.outcome.seconds if last else 0)


def _phase(phase: Phase, run: Run) -> PhaseFigures:
    begun, counted = _window(phase, run)
    ended = begun + phase.seconds
    last = phase is run.plan.phases[-1]

    def within(at: float) -> bool:
        return begun <= at and (last or at < counted)

    planned = sum(phase.begins_s <= at < phase.begins_s + phase.seconds for at in run.plan.visits.values())
    samples = [sample for sample in run.samples if within(sample.at)]
    served = Counter(sample.name for sample in samples if sample.fault is None)
    casts = [sample for sample in samples if sample.name == CAST and sample.fault is None]
    refused = Counter(refusal.status for refusal in run.outcome.refusals if within(refusal.at))
    unavailable, unanswered = refused[HTTPStatus.SERVICE_UNAVAILABLE], refused[None]
    failed = sum(sample.name == VISIT and sample.fault is not None for sample in samples)
    looks = [seen for seen in run.seen if begun <= seen.at < counted]
    return PhaseFigures(
        name=phase.name,
        seconds=phase.seconds,
        counted_s=counted - begun,
        planned=planned,
        accepted=len(casts),
        accepted_per_s=sum(sample.at < ended for sample in casts) / phase.seconds,
        accepted_at_once=sum(sample.attempt == 1 for sample in casts),
        released=sum(served[way] for way in WAYS),
        unavailable=unavailable,
        unanswered=unanswered,
        broken=sum(refused.values()) - unavailable - unanswered,
        unclean=failed + served[UNANSWERED],
        post=_waited([sample for sample in samples if sample.name == CAST]),
        cpu_by_process_s=_spent(run.seen, begun, counted),
        memory_mb={
            name: [round(seen.processes[name].memory_mb, 1) for seen in looks if name in seen.processes]
            for name in dict.fromkeys(name for seen in looks for name in seen.processes)
        },
        due=_waited([sample for sample in samples if sample.name == DUE]),
        bounded=_bounded(looks),
    )


def _bounded(looks: Sequence[Seen]) -> Mapping[str, Bounded]:
    bounds = {name: used.bounds for seen in looks for name, used in seen.processes.items() if used.bounds}
    found = {name: [seen.processes[name] for seen in looks if name in seen.processes] for name in bounds}
    return {
        name: Bounded(bounds[name], [used.processes for used in each], [round(used.shared_mb, 1) for used in each])
        for name, each in found.items()
    }


def _behind(run: Run) -> Iterator[Phase]:
    """The time behind the crowd; not where its clients were so far apart that little of it is common to all."""
    begins_s, seconds = run.outcome.idle_from_s, run.outcome.idle_until_s - run.outcome.idle_from_s
    if run.plan.idle_s and run.outcome.started and run.plan.idle_s / 2 <= seconds < math.inf:
        yield Phase(IDLE_BEHIND, begins_s, seconds)


def _spent(seen: Sequence[Seen], begun: float, ended: float) -> Mapping[str, float]:
    """Processor time of each process between two moments."""
    looks = {
        name: [(look.at, look.processes[name].cpu_s) for look in seen if name in look.processes]
        for name in dict.fromkeys(name for look in seen for name in look.processes)
    }
    return {name: round(_used(looks[name], ended) - _used(looks[name], begun), 3) for name in looks}


def _others(windows: Sequence[tuple[float, float]], seen: Sequence[Seen]) -> Others | None:
    """In the window in which it was most; what is less than nothing is the clocks' own error."""
    machines = [(look.at, look.machine) for look in seen if look.machine is not None]
    if not machines:
        return None
    looks = [(at, machine.others_cpu_s) for at, machine in machines]
    used = [(_used(looks, ended) - _used(looks, begun)) / (ended - begun) for begun, ended in windows]
    return Others(round(max(0.0, *used), 3), machines[0][1].cores)


def _used(looks: Sequence[tuple[float, float]], at: float) -> float:
    """Until then; between two looks it is taken to be spent evenly."""
    before = [look for look in looks if look[0] <= at]
    after = [look for look in looks if look[0] > at]
    if not before or not after:
        return (before[-1] if before else after[0])[1]
    (earlier, less), (later, more) = before[-1], after[0]
    return less + (more - less) * (at - earlier) / (later - earlier)


def faults_of(figures: Figures, run: Run) -> Iterator[str]:
    """What must not have happened, whatever the machine: one line each.

    What could not be served while a part was broken on purpose is no fault; anything untrue is one, whenever.
    """
    outcome = run.outcome
    yield from outcome.faults
    for kept in outcome.missing:
        yield f"acknowledged, and not in the log: {kept.tracker} (voter {kept.voter})"
    broken = Counter(
        refusal.status
        for refusal in outcome.refusals
        if refusal.status not in (None, HTTPStatus.SERVICE_UNAVAILABLE) and not run.excused(refusal.at, refusal.at)
    )
    for status, count in broken.items():
        yield f"answered {status}, which no fault was injected for: {count} times"
    failed = [sample for sample in run.samples if sample.fault is not None]
    bad = [one for one in failed if not (one.unserved and run.excused(one.at - one.seconds, one.at))]
    for name, count in Counter(sample.name for sample in bad).items():
        first = next(str(sample.fault).splitlines()[0] for sample in bad if sample.name == name)
        yield f"{name}: {count} of {figures.waited[name].count} failed, the first with {first}"
    for fault in run.injected:
        if fault.ended is None:
            yield f"{fault.name}: the platform was not well again"
    ended = len(outcome.kept) + sum(sample.name == VISIT for sample in failed)
    if figures.profile != "goals" and ended < figures.visits:
        yield f"{ended} of {figures.visits} visits ended"


def save(figures: Figures, path: Path, **beside: object) -> None:
    """Write the figures as JSON, for ``BASELINE=`` and for whoever reads them."""
    text = json.dumps(_plain({**asdict(figures), **beside}), ensure_ascii=False, indent=2, allow_nan=False)
    path.write_text(text + "\n")


def _plain(value: Any) -> Any:
    """JSON has no word for what is not a number."""
    if isinstance(value, dict):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, list):
        return [_plain(part) for part in value]
    return None if isinstance(value, float) and math.isnan(value) else value


def table(figures: Figures, baseline: Mapping[str, Any] | None) -> Iterator[str]:
    """The figures as a Markdown table; beside an earlier run's p95 also the ratio to it."""
    yield (
        f"{figures.profile}: {figures.voters} voters, {figures.visits} visits planned in {figures.planned_s:g} s, "
        f"ended after {figures.seconds:.1f} s; {figures.casts_per_s:.1f} ballots/s; "
        f"{figures.unavailable} times 503 or no answer; latest arrival {figures.latest_arrival_s * 1000:.0f} ms late"
    )
    yield from cautions(figures.latest_arrival_s, figures.others)
    if figures.injected:
        yield f"Broken on purpose: {', '.join(figures.injected)}"
    if figures.faces_refused:
        reasons = ", ".join(f"{reason} {count}" for reason, count in sorted(figures.faces_refused.items()))
        yield f"Pictures of faces refused (who has attempts left tries again): {reasons}"
    yield ""
    yield from _phases_table(figures)
    yield from _flooded(figures)
    yield ""
    yield from _through_table(figures)
    yield ""
    yield "| waited for | count | failed | p50 ms | p95 ms | p99 ms | max ms |" + (
        " p95 : before |" if baseline else ""
    )
    yield "|---|---|---|---|---|---|---|" + ("---|" if baseline else "")
    for name, waited in figures.waited.items():
        times = map(_number, (waited.p50_ms, waited.p95_ms, waited.p99_ms, waited.max_ms))
        row = [str(waited.count), str(waited.failures), *times]
        yield f"| {name} | " + " | ".join(row) + " |" + _ratio(name, waited, baseline)


def _phases_table(figures: Figures) -> Iterator[str]:
    rush = any(phase.due.count for phase in figures.phases)
    times = ["p50 ms", "p95 ms", "p99 ms"]
    latencies = [f"{which}, {time}" for which in (["planned"] * rush + ["POST"]) for time in times]
    columns = ["phase", "came/s", "accepted/s", "503", "no answer", "other 5xx", *latencies, "cores"]
    yield f"| {' | '.join(columns)} |"
    yield f"|{'---|' * len(columns)}"
    for phase in figures.phases:
        counts = f"{phase.unavailable} | {phase.unanswered}"
        waited = [
            value for one in ([phase.due] * rush + [phase.post]) for value in (one.p50_ms, one.p95_ms, one.p99_ms)
        ]
        rates = f"{phase.planned_per_s:.1f} | {phase.accepted_per_s:.1f}"
        cores = "-" if math.isnan(phase.cores()) else f"{phase.cores():.2f}"
        yield (f"| {phase.name} | {rates} | {counts} | {phase.broken} | {' | '.join(map(_number, waited))} | {cores} |")
    yield ""
    yield WHICH_IS_WHICH if rush else OF_A_CROWD


def _flooded(figures: Figures) -> Iterator[str]:
    """What a flood costs honest voters."""
    post = {phase.name: phase.post for phase in figures.phases}
    if {WITH_JUNK, WITHOUT_JUNK} <= post.keys():
        flooded, calm = post[WITH_JUNK].p99_ms, post[WITHOUT_JUNK].p99_ms
        yield ""
        yield "| honest voters' POST of a ballot | p99 ms with junk | p99 ms without | with : without |"
        yield f"|{'---|' * 4}"
        ballots = f"of {post[WITH_JUNK].count} and {post[WITHOUT_JUNK].count} ballots"
        yield f"| {ballots} | {_number(flooded)} | {_number(calm)} | {flooded / calm:.2f} |"


def _through_table(figures: Figures) -> Iterator[str]:
    yield "| receipt at attempt | ballots | from the first arrival, p50 s | p95 s | p99 s | max s |"
    yield f"|{'---|' * 6}"
    for one in figures.through:
        attempts = f"{one.first}" if one.first == one.last else f"{one.first} to {one.last}"
        waited = (one.visits.p50_ms, one.visits.p95_ms, one.visits.p99_ms, one.visits.max_ms)
        yield f"| {attempts} | {one.visits.count} | " + " | ".join(f"{ms / 1000:.1f}" for ms in waited) + " |"
    yield f"| gave up | {figures.gave_up} | | | | |"


def _number(value: float) -> str:
    return "-" if math.isnan(value) else str(round(value))


def _ratio(name: str, waited: Waited, baseline: Mapping[str, Any] | None) -> str:
    if baseline is None:
        return ""
    before = baseline["waited"].get(name)
    return f" {waited.p95_ms / before['p95_ms']:.2f} |" if before and before["p95_ms"] else " - |"
