"""Writes docs/performance.md from the runs in benchmarks/runs, so that no figure in it is typed by hand.

``make performance`` writes the document; with ``KEEP=load-out/figures.json`` it first takes that run over as what is
known of its kind. A contract test holds the document to the runs.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from evote_loadtests.cautions import Others, cautions
from evote_loadtests.crowd import BY_FACE, BY_PHONE, RELEASE
from evote_loadtests.figures import OF_A_CROWD, WHICH_IS_WHICH
from evote_loadtests.goals import (
    IDLE,
    RELEASES,
    STEADY,
    TOO_FEW_LOOKS,
    each_process_ms,
    growth_by_process,
    is_of_memory,
)

HERE: Final = Path(__file__).parent
RUNS: Final = HERE / "runs"
DOCUMENT: Final = HERE.parent / "docs" / "performance.md"
_KINDS: Final = ("goals", "load", "ratios", "referendum", "tables", "verification")
Cell = str | float | None
Row = Sequence[Cell]


SLOWER: Final = 1.15
"""What takes so many times what it is held against is slower."""


class RunSlower(Exception):
    """A run of ``make bench`` that nobody keeps by accident: ``slower`` by how many times, by what is."""

    def __init__(self, slower: Mapping[str, float]) -> None:
        named = "; ".join(f"{name}: {times:.2f} times" for name, times in slower.items())
        super().__init__(f'slower than what it is held against, so say why: SLOWER="…" make performance … ({named})')
        self.slower = slower


class WorksGone(Exception):
    """A run of ``make bench`` without ``works`` that the kept one measured: dropped, or under another name."""

    def __init__(self, works: Sequence[str]) -> None:
        named = "; ".join(works)
        super().__init__(f'measured no more under this name, so say why: GONE="…" make performance … ({named})')
        self.works = works


class RunUnreadable(Exception):
    """A file is no run: ``path`` and ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Taken:
    """How a run was taken."""

    command: str
    """It prints the figures anew."""
    date: str
    commit: str
    """Of the tree that was measured; it ends in ``-dirty`` if that tree had changes that are in no commit."""
    machine: str
    """Its cores and memory, and which Python ran there."""
    load: str
    """What else the machine did."""


@dataclass(frozen=True)
class Run:
    """A section of the document."""

    order: int
    title: str
    kind: str
    taken: Sequence[Taken]
    content: Any = field(repr=False)
    """What its command wrote."""


def read_runs(folder: Path = RUNS) -> list[Run]:
    """All runs in the order of the document; raises :class:`RunUnreadable`."""
    return sorted((read_run(path) for path in folder.glob("*.json")), key=lambda run: run.order)


def read_run(path: Path) -> Run:
    """Raises :class:`RunUnreadable`."""
    try:
        said = json.loads(path.read_text())
        run = Run(**{**said, "taken": [Taken(**taken) for taken in said["taken"]]})
    except (ValueError, TypeError, KeyError) as error:
        raise RunUnreadable(path, f"it is no run ({error})") from error
    if run.kind not in _KINDS:
        raise RunUnreadable(path, f"nothing renders a run of the kind {run.kind!r}, but {', '.join(_KINDS)}")
    if not run.taken:
        raise RunUnreadable(path, "it doesn't say by which command, when, and of which commit it was taken")
    return run


def document(runs: Sequence[Run]) -> str:
    """The whole text."""
    lines = [
        "# Performance",
        "",
        "Written by `make performance` from the runs in [benchmarks/runs](../benchmarks/runs), which are JSON.",
        "Each section says by which command it was taken, when, of which commit, on what and beside what.",
        "Goals and figures on a busy machine say little of a quiet one: read the load, and what others used meanwhile,",
        "where it is said.",
    ]
    for run in runs:
        lines += ["", f"## {run.title}", ""]
        lines += [line for taken in run.taken for line in _said(taken)]
        lines += _RENDER[run.kind](run.content)
    return "\n".join(lines) + "\n"


def _said(taken: Taken) -> Iterator[str]:
    commit, changed = taken.commit[:9], " with changes that are in no commit" * taken.commit.endswith("-dirty")
    yield f"- {taken.date}, commit {commit}{changed}, by `{taken.command}`, on {taken.machine}; {taken.load}"


def _tables(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield from markdown(figures["blocks"])


def markdown(blocks: Sequence[Any]) -> Iterator[str]:
    """Paragraphs and tables as a benchmark writes them; numbers get as many digits as say something."""
    for number, block in enumerate(blocks):
        if number:
            yield ""
        if isinstance(block, str):
            yield block
        else:
            rows = [[cell if isinstance(cell, str) else _figure(cell) for cell in row] for row in block["rows"]]
            yield from _table(block["columns"], rows)


def _goals(figures: dict[str, Any]) -> Iterator[str]:
    phases = {phase["name"]: phase for phase in figures["phases"]}
    steady = phases[STEADY]
    # Older runs didn't tell what settings bound from what they don't.
    processes = {name: one["processes"] for name, one in steady.get("bounded", {}).items()}
    grown = growth_by_process(steady["memory_mb"], steady["accepted"], processes)
    yield ""
    yield from _cautions(figures)
    rows = [
        [
            goal["name"],
            f"{_figure(goal['at_most'])} {goal['unit']}",
            _figure(goal["figure"]),
            "met" if goal["met"] else "**missed**",
        ]
        for goal in figures["goals"]
        # Runs of a minute or two had rows of memory once.
        if grown or not is_of_memory(goal["name"])
    ]
    yield from _table(["goal", "at most", "figure", ""], rows)
    yield ""
    yield from _phases(figures)
    # Of older runs the goals were held on what counts from the sending, and no more is known.
    if any(_is_planned(phase) for phase in figures["phases"]):
        yield ""
        yield WHICH_IS_WHICH
    yield from _ended(figures)
    yield ""
    if "through" in figures:
        yield from _table(
            ["receipt at attempt", "ballots", "from the first arrival, p50 s", "p95 s", "max s"],
            [
                [
                    str(one["first"]) if one["first"] == one["last"] else f"{one['first']} to {one['last']}",
                    f"{one['visits']['count']:,}",
                    *(_figure(one["visits"][f"{at}_ms"] / 1000) for at in ("p50", "p95", "max")),
                ]
                for one in figures["through"]
            ]
            + [["gave up", f"{figures['gave_up']:,}", "-", "-", "-"]],
        )
        yield ""
    idle = phases[IDLE]
    release, ballot = (
        each_process_ms(
            phases[name]["cpu_by_process_s"],
            phases[name]["counted_s"],
            idle["cpu_by_process_s"],
            idle["counted_s"],
            phases[name][things],
        )
        for name, things in ((RELEASES, "released"), (STEADY, "accepted"))
    )
    yield from _table(
        ["ms of a processor, beyond the idle stack", "a release", "a ballot"],
        [[name, f"{release[name]:.2f}", f"{ballot[name]:.2f}"] for name in ballot],
    )
    yield ""
    if not grown:
        yield TOO_FEW_LOOKS
        return
    yield from _table(
        ["memory, by the medians of the second and the last quarter", "before, MB", "grown, MB", "kB a ballot"],
        [
            [name, f"{one.before_mb:.1f}", f"{one.grown_mb:.1f}", f"{one.kb_a_ballot:.2f}"]
            for name, one in grown.items()
        ],
    )


def _cautions(figures: dict[str, Any]) -> Iterator[str]:
    """Paragraphs, with an empty line behind each."""
    others = figures.get("others")  # not in runs that were kept before it was looked at
    for line in cautions(figures["latest_arrival_s"], None if others is None else Others(**others)):
        yield line
        yield ""


def _is_planned(phase: dict[str, Any]) -> bool:
    """Whether there is something in it that counts from the planned moment."""
    return bool(phase.get("due", {}).get("count"))


def _phases(figures: dict[str, Any]) -> Iterator[str]:
    which = {"due": "planned, "} if any(_is_planned(phase) for phase in figures["phases"]) else {}
    which |= {"post": "POST, " if which else ""}
    times = ("p50", "p95", "p99", "max")
    columns = ["phase", "came/s", "accepted/s", "503", "no answer", "other 5xx"]
    columns += [f"{name}{time} ms" for name in which.values() for time in times]
    yield from _table(
        columns,
        [
            [
                phase["name"],
                _figure(phase["planned"] / phase["seconds"]),
                # Not in runs in which nobody came again.
                _figure(phase.get("accepted_per_s", phase["accepted"] / phase["seconds"])),
                *(str(phase[refused]) for refused in ("unavailable", "unanswered", "broken")),
                *(_figure(phase[name][f"{time}_ms"]) for name in which for time in times),
            ]
            for phase in figures["phases"]
        ],
    )


def _ended(figures: dict[str, Any]) -> Iterator[str]:
    """What went wrong, and what became of the ballots; the latter not in runs that ended with the last phase."""
    found = figures.get("concluded")
    for fault in (*figures["faults"], *(found["faults"] if found else ())):
        yield ""
        yield f"**{fault}**"
    if found is None:
        return
    yield ""
    yield (
        f"Behind the last phase: {found['acknowledged']:,} ballots were acknowledged, and {found['lost']:,} of them "
        f"are not in the archive of {found['archived']:,}; close to result {_figure(found['close_to_result_s'])} s, "
        f"`evote-verify` of archive, log, witnesses, chain and a receipt {_figure(found['verify_s'])} s."
    )


def _load(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield (
        f"{figures['voters']:,} voters, {figures['visits']:,} visits in {_figure(figures['planned_s'])} s; "
        f"{figures['casts']:,} ballots, {_figure(figures['casts_per_s'])} a second, {figures['cast_again']:,} of them "
        f"({figures['cast_again'] / max(1, figures['casts']):.1%}) of people who had cast before; "
        f"the latest arrival came {_figure(figures['latest_arrival_s'] * 1000)} ms late."
        + (f" Broken on purpose: {', '.join(figures['injected'])}." if figures["injected"] else "")
    )
    yield ""
    if ways := _ways(figures["waited"]):
        yield ways
        yield ""
    yield from _cautions(figures)
    yield from _phases(figures)
    yield ""
    yield OF_A_CROWD
    yield from _ended(figures)
    yield ""
    at = ("p50", "p95", "p99", "max")
    yield from _table(
        ["waited for", "count", "failed", *(f"{name} ms" for name in at)],
        [
            [name, f"{one['count']:,}", str(one["failures"]), *(_figure(one[f"{name_at}_ms"]) for name_at in at)]
            for name, one in figures["waited"].items()
        ],
    )


def _ways(waited: Mapping[str, Any]) -> str:
    """By which ways people came to a credential; empty where all had theirs before they came."""
    names = {RELEASE: "card", BY_PHONE: "phone", BY_FACE: "code and face"}
    came = {told: waited[way]["count"] - waited[way]["failures"] for way, told in names.items() if way in waited}
    if not (all_told := sum(came.values())):
        return ""
    shares = (f"by {way} {count:,} ({count / all_told:.0%})" for way, count in came.items())
    return f"Credentials fetched: {', '.join(shares)}."


def _ratios(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    rows = [
        [name, _figure(one["ms"]), f"{one['ratio']:.3g}", f"{one['held']:.3g}", f"{one['ratio'] / one['held']:.2f}"]
        for name, one in figures["figures"].items()
    ]
    yield from _table(["of one processor", "ms", "of the reference's time", "held against", "times that"], rows)
    for one in figures["slower"]:
        yield ""
        yield f"Known to be slower since {one['date']}: {one['what']}, {one['times']:.2f} times. {one['why']}"
    for one in figures.get("gone", []):  # not in runs that were kept before it was asked for
        yield ""
        yield f"Measured no more since {one['date']}: {one['what']}, last {one['ratio']:.3g}. {one['why']}"


def _referendum(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    took = [
        ("ballots POST", figures["cast"]),
        ("cast to signed checkpoint", figures["logged"]),
        ("cast to anchored", figures["anchored"]),
        ("card to credential", figures["release"]),
    ]
    yield from _table(
        ["", "p50 ms", "p95 ms", "p99 ms", "max ms", "how many"],
        [
            [name, *(_figure(one[f"{at}_ms"]) for at in ("p50", "p95", "p99", "max")), f"{one['count']:,}"]
            for name, one in took
            if one is not None
        ],
    )
    yield ""
    yield from _table(
        ["", "seconds"],
        [
            [
                f"voting, {figures['ballots_cast']:,} ballots of {figures['voters']:,} voters",
                _figure(figures["voting_s"]),
            ],
            ["close to result: two trustees each verify the whole archive", _figure(figures["close_to_result_s"])],
            ["`evote-verify` of archive, log, witnesses, chain and a receipt", _figure(figures["verify_s"])],
            ["whole run, from nothing", _figure(figures["wall_s"])],
        ],
    )


def _verification(figures: dict[str, Any]) -> Iterator[str]:
    yield ""
    yield from _table(
        ["group", "", "ballots", "ms a ballot", "ms of a processor a ballot", "MB"],
        [
            [
                row["group"],
                row["what"],
                f"{row['ballots']:,}",
                _figure(row["seconds"] / row["ballots"] * 1000),
                _figure(row["cpu_seconds"] / row["ballots"] * 1000),
                _figure(row["megabytes"]),
            ]
            for row in figures["rows"]
        ],
    )
    for said in figures.get("said", []):  # not in runs that were kept before it was written
        yield ""
        yield said


_RENDER: Final[Mapping[str, Callable[[Any], Iterator[str]]]] = {
    "goals": _goals,
    "load": _load,
    "ratios": _ratios,
    "referendum": _referendum,
    "tables": _tables,
    "verification": _verification,
}


def _table(columns: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield _row(columns)
    yield f"|{'---|' * len(columns)}"
    for row in rows:
        yield _row(row)


def _row(cells: Sequence[str]) -> str:
    return f"|{'|'.join(f' {cell} ' if cell else ' ' for cell in cells)}|"


def _figure(value: float | None) -> str:
    return "-" if value is None else f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def slower_than(held: Mapping[str, float], now: Mapping[str, float]) -> dict[str, float]:
    """What takes over :data:`SLOWER` times the ratio that it is held against, and how many times; the worst first."""
    times = {name: ratio / held[name] for name, ratio in now.items() if name in held}
    return dict(sorted(((name, by) for name, by in times.items() if by > SLOWER), key=lambda one: -one[1]))


def held_ratios(content: Mapping[str, Any]) -> dict[str, float]:
    """What the works of a later run are held against: this version's first figures, and what is known to be slower."""
    return {name: one["held"] for name, one in content["figures"].items()}


def _held(
    figures: dict[str, Any], date: str, before: Mapping[str, Any] | None, why_slower: str, why_gone: str
) -> dict[str, Any]:
    """A run of ``make bench`` with what each work is held against; raises :class:`RunSlower` and :class:`WorksGone`.

    Another run of the same version moves nothing: else it would slow down by a tenth each time, unseen. The first run
    of another version is what that version is held against. Neither may be slower, nor measure less, unless somebody
    says why: under another name a work would be new, and held against itself.
    """
    now = {name: one["ratio"] for name, one in figures["figures"].items()}
    held = {} if before is None else held_ratios(before)
    same = before if before is not None and before["version"] == figures["version"] else None
    known, known_gone = ([], []) if same is None else (same["slower"], same.get("gone", []))
    gone = {} if before is None else {name: one for name, one in before["figures"].items() if name not in now}
    slower = slower_than(held, now)
    for name, ratio in now.items():
        print(f"{name:<58} {ratio:8.4f} of the reference", f"{ratio / held[name]:5.2f}" if name in held else "  new")
    if gone and not why_gone:
        raise WorksGone(list(gone))
    if slower and not why_slower:
        raise RunSlower(slower)
    told = [{"what": name, "times": times, "date": date, "why": why_slower} for name, times in slower.items()]
    lost = [{"what": name, "ratio": one["ratio"], "date": date, "why": why_gone} for name, one in gone.items()]
    stays = {} if same is None else held
    works = {
        name: {**one, "held": now[name] if name in slower else stays.get(name, now[name])}
        for name, one in figures["figures"].items()
    }
    return {**figures, "figures": works, "slower": [*known, *told], "gone": [*known_gone, *lost]}


def keep(path: Path, folder: Path = RUNS, why_slower: str = "", why_gone: str = "") -> Path:
    """Take a run over that a command has just written; the file among the runs.

    Raises :class:`RunUnreadable`, and :class:`RunSlower` or :class:`WorksGone` where it is of ``make bench``, is slower
    than the kept one or measures less, and nobody says why.
    """
    figures = json.loads(path.read_text())
    kind, name = _kind_and_name(figures)
    if kind is None or not figures.get("taken"):
        raise RunUnreadable(path, "it is of no command whose runs are kept")
    run = folder / f"{name}.json"
    order, title = PLACES[name]
    taken = figures.pop("taken")
    try:
        Taken(**taken)
    except TypeError as error:
        # Nobody knows any more which tree that was: the one that keeps it may be another.
        raise RunUnreadable(path, f"it doesn't say how it was taken ({error}): take it anew") from error
    if kind == "ratios":
        before = json.loads(run.read_text())["content"] if run.exists() else None
        figures = _held(figures, taken["date"], before, why_slower, why_gone)
    text = json.dumps(
        {"order": order, "title": title, "kind": kind, "taken": [taken], "content": figures},
        ensure_ascii=False,
        indent=2,
    )
    run.write_text(text + "\n")
    return run


def _kind_and_name(figures: dict[str, Any]) -> tuple[str | None, str]:
    if figures.get("goals"):
        name = _GOALS.get((figures.get("taken") or {}).get("command", ""))
        return (None, "") if name is None else ("goals", name)
    if (name := _crowd_of(figures)) in PLACES:
        return "load", name
    if "figures" in figures:
        return "ratios", "ratios"
    if "verify_s" in figures:
        return "referendum", _size_of(figures)
    if (name := figures.get("bench")) in PLACES:
        return "tables", str(name)
    if (name := figures.get("verification")) in PLACES:
        return "verification", str(name)
    return None, ""


def _crowd_of(figures: dict[str, Any]) -> str:
    """Of `make load`: by its profile, but where parts were broken, or people came by face, which is another run."""
    if figures.get("injected"):
        return "load-faults"
    return "load-face" if BY_FACE in figures.get("waited", ()) else f"load-{figures.get('profile')}"


def _size_of(figures: dict[str, Any]) -> str:
    if figures["voters"] >= _MANY:
        return "referendum-large"
    return "referendum" if figures["group"] == "Ed25519" else "referendum-2048"


_MANY: Final = 5000
_GOALS: Final = {"make load-goals": "goals", "make load-goals TIME=flood": "goals-flood"}
"""By the command; a trial says nothing of the goals, and must not take their place."""
PLACES: Final = {
    "goals": (5, "The goals of the services, in one run"),
    "goals-flood": (6, "400 ballots a second, which two cores can't take"),
    "referendum-large": (8, "A whole referendum of many"),
    "referendum": (10, "A whole referendum"),
    "referendum-2048": (12, "A whole referendum, BELENIOS-2048"),
    "load-constant": (13, "A crowd at a constant rate"),
    "load-tsukuba-2022": (14, "A crowd as in Tsukuba in 2022"),
    "load-estonia-2023": (15, "A crowd as in Estonia in 2023"),
    "load-last-minutes": (16, "A crowd that comes in the last minutes"),
    "load-junk": (17, "A crowd beside a flood of junk"),
    "load-face": (18, "A crowd of whom some come by code and face"),
    "load-faults": (19, "A crowd while parts are broken"),
    "voting-page": (20, "The voting page"),
    "web": (22, "A ballot in a browser's engine"),
    "public-pages": (30, "The public pages"),
    "card": (50, "From the card to the credential"),
    "idle": (52, "What the idle stack and a release cost, by program"),
    "keys": (54, "Credentials of an election's key"),
    "face-models": (60, "The face models"),
    "face-http": (62, "Faces over HTTP"),
    "log": (70, "The public log: entries a second"),
    "proofs": (72, "The public log as it grows"),
    "anchor": (80, "From a ballot to a chain"),
    "anchor-fabric": (81, "From a ballot to Fabric"),
    "fabric": (82, "An anchor on Fabric alone"),
    "gas": (84, "What anchors cost on Ethereum"),
    "monitor": (86, "A pass of the monitor"),
    "verification": (39, "Verification beside other programs"),
    "verification-2048": (40, "Verification beside other programs, BELENIOS-2048"),
    "verification-growth": (41, "Verification of archives of growing size"),
    "images": (88, "Images: size and start"),
    "ratios": (95, "What became slower, and what did not"),
}


def main() -> None:
    """Write the document."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--keep", type=Path, help="what a command wrote: load-out/figures.json, demo-out/figures.json, bench-out/….json"
    )
    parser.add_argument("--slower", default="", help="why a run of make bench that is slower is kept all the same")
    parser.add_argument("--gone", default="", help="why a work of make bench is measured no more, or has another name")
    arguments = parser.parse_args()
    if arguments.keep is not None:
        try:
            print(keep(arguments.keep, why_slower=arguments.slower, why_gone=arguments.gone))
        except (RunSlower, RunUnreadable, WorksGone) as error:
            sys.exit(str(error))
    DOCUMENT.write_text(document(read_runs()))


if __name__ == "__main__":
    main()
