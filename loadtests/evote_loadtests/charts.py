"""Plots of a run over time, as SVG texts: a report needs nothing from anywhere else."""

from __future__ import annotations

import io
import math
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from functools import partial

import matplotlib as mpl
from evote_local.people.latencies import percentiles
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from .crowd import ANCHORED, CAST, LOGGED, RELEASE, VISIT, WAYS, WITNESSED
from .figures import Run
from .rush import DUE, REFUSED

mpl.rcParams["svg.fonttype"] = "none"  # text stays text, for who searches or reads aloud
_POINTS = 120
"""At most so many over the whole run."""


def charts_of(run: Run) -> Iterator[tuple[str, str]]:
    """Each plot: its title and its SVG. What nobody looked at has none."""
    time = _Time(run)
    if any(sample.name == DUE for sample in run.samples):
        yield DUE.capitalize(), time.draw("ms", lambda axes: _percentiles(axes, time, DUE))
    yield "POST of the ballot", time.draw("ms", lambda axes: _percentiles(axes, time, CAST))
    for way in WAYS:
        if any(sample.name == way for sample in run.samples):
            yield way.capitalize(), time.draw("ms", partial(_percentiles, time=time, name=way))
    yield "How many a second", time.draw("a second", lambda axes: _throughput(axes, time))
    yield "From a cast to each state (median of those followed)", time.draw("s", lambda axes: _states(axes, time))
    if run.seen:
        yield "Processors, by process", time.draw("cores", lambda axes: _processors(axes, run))
        yield "Memory of its own, by process", time.draw("MB", lambda axes: _memory(axes, run))
    if any(seen.lag for seen in run.seen):
        yield "Records that projections have still to apply", time.draw("records", lambda axes: _lag(axes, run))


class _Time:
    """The run's time, cut into equal pieces."""

    def __init__(self, run: Run) -> None:
        self.run = run
        ends = max([run.outcome.seconds, *(phase.begins_s + phase.seconds for phase in run.plan.phases)])
        self.piece_s = max(1.0, ends / _POINTS)
        self.ends_s = ends

    def pieces(self, name: str) -> Sequence[tuple[float, Sequence[float]]]:
        """The middle of each piece of time in which something came, and how long it was waited for."""
        found = defaultdict[int, list[float]](list)
        for sample in self.run.samples:
            if sample.name == name and sample.fault is None:
                found[int((sample.at - self.run.outcome.started) / self.piece_s)].append(sample.seconds)
        return [((piece + 0.5) * self.piece_s, waits) for piece, waits in sorted(found.items())]

    def draw(self, unit: str, plot: Callable[[Axes], None]) -> str:
        """One plot, with the phases' ends, and what was broken on purpose."""
        figure = Figure(figsize=(9, 3.2), layout="constrained")
        axes = figure.subplots()
        plot(axes)
        for phase in self.run.plan.phases:
            axes.axvline(phase.begins_s, color="0.8", linewidth=0.8)
        for fault in self.run.injected:
            ended = self.ends_s if fault.ended is None else fault.ended - self.run.outcome.started
            axes.axvspan(fault.begun - self.run.outcome.started, ended, color="tab:red", alpha=0.12)
        axes.set(xlabel="s", ylabel=unit, xlim=(0, self.ends_s))
        axes.set_ylim(bottom=0)
        if axes.get_legend_handles_labels()[1]:
            axes.legend(loc="upper left", bbox_to_anchor=(1, 1), fontsize="small", frameon=False)
        page = io.StringIO()
        figure.savefig(page, format="svg", metadata={"Date": None})
        return page.getvalue()[page.getvalue().index("<svg") :]


def _percentiles(axes: Axes, time: _Time, name: str) -> None:
    pieces = [(at, percentiles(waits)) for at, waits in time.pieces(name)]
    moments = [at for at, _ in pieces]
    axes.plot(moments, [found.p50_ms for _, found in pieces], label="p50")
    axes.plot(moments, [found.p95_ms for _, found in pieces], label="p95")
    axes.plot(moments, [found.p99_ms for _, found in pieces], label="p99")


def _throughput(axes: Axes, time: _Time) -> None:
    planned = defaultdict[int, int](int)
    for at in time.run.plan.visits.values():
        planned[int(at / time.piece_s)] += 1
    axes.plot(
        [(piece + 0.5) * time.piece_s for piece in sorted(planned)],
        [planned[piece] / time.piece_s for piece in sorted(planned)],
        label="came",
        color="0.6",
    )
    for name, label in ((CAST, "accepted"), (REFUSED, "told to come again"), (RELEASE, "credentials")):
        pieces = time.pieces(name)
        if pieces:
            axes.plot([at for at, _ in pieces], [len(waits) / time.piece_s for _, waits in pieces], label=label)
    failed = [
        sample.at - time.run.outcome.started for sample in time.run.samples if sample.name == VISIT and sample.fault
    ]
    if failed:
        axes.plot(failed, [0.0] * len(failed), "rx", label="failed")


def _states(axes: Axes, time: _Time) -> None:
    for name, label in ((CAST, "accepted"), (LOGGED, "logged"), (WITNESSED, "witnessed"), (ANCHORED, "anchored")):
        pieces = [(at, percentiles(waits).p50_ms / 1000) for at, waits in time.pieces(name)]
        axes.plot([at for at, _ in pieces], [seconds for _, seconds in pieces], label=label)


def _processors(axes: Axes, run: Run) -> None:
    looks = list(zip(run.seen, run.seen[1:], strict=False))
    names = list(dict.fromkeys(name for seen in run.seen for name in seen.processes))
    moments = [(before.at + after.at) / 2 - run.outcome.started for before, after in looks]
    spent = {
        name: [
            (after.processes[name].cpu_s - before.processes[name].cpu_s) / (after.at - before.at)
            if name in before.processes and name in after.processes
            else 0.0
            for before, after in looks
        ]
        for name in names
    }
    names.sort(key=lambda name: -sum(spent[name]))
    axes.stackplot(moments, [spent[name] for name in names], labels=names)


def _memory(axes: Axes, run: Run) -> None:
    for name in sorted({name for seen in run.seen for name in seen.processes}):
        own = [seen.processes[name].memory_mb if name in seen.processes else math.nan for seen in run.seen]
        axes.plot([seen.at - run.outcome.started for seen in run.seen], own, label=name)


def _lag(axes: Axes, run: Run) -> None:
    for name in sorted({name for seen in run.seen for name in seen.lag}):
        records = [seen.lag.get(name, math.nan) for seen in run.seen]
        axes.plot([seen.at - run.outcome.started for seen in run.seen], records, label=name)
