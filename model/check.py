"""Checks ``ballots.pml`` with SPIN: ``python model/check.py`` prints a line for each configuration and each guard.

A configuration must be searched to its end, and no claim may fall in it. A guard that is taken out of one must make
SPIN find the fault that the guard is there for.
"""

from __future__ import annotations

import re
import resource
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

MODEL: Final = Path(__file__).parent / "ballots.pml"

_MEMORY_MB = 2000
_WITHIN_S = 240
_MAX_DEPTH = 20_000
_HASH_BITS = 23
"""A table of 64 MB: as many slots as the largest configuration has states, and more."""


@dataclass(frozen=True)
class Configuration:
    """What is checked to its end: the model in one size."""

    name: str
    sizes: tuple[str, ...]
    """``-D`` names of the model."""
    compiler: str = "-O1"
    """How much the compiler works: for a search that ends soon it isn't worth while."""

    @property
    def is_of_progress(self) -> bool:
        """Whether it is the formula ``progress`` that is checked, over infinite runs too, besides the assertions."""
        return "PROGRESS" in self.sizes


@dataclass(frozen=True)
class Guard:
    """A guard, taken out of a configuration."""

    name: str
    """The ``-D`` name that takes it out."""
    of: str
    """The configuration that it is taken out of."""
    finds: str
    """The claim that falls then."""
    story: tuple[str, ...]
    """What SPIN's counterexample tells, in this order, among other things: regular expressions, one a line."""
    besides: tuple[str, ...] = ()
    """What else is said to the model, such that this fault is the first that is found."""

    @property
    def configuration(self) -> Configuration:
        """The configuration without the guard."""
        whole = next(configuration for configuration in CONFIGURATIONS if configuration.name == self.of)
        return Configuration(f"{whole.name} without {self.name}", (*whole.sizes, self.name, *self.besides), "-O0")


@dataclass(frozen=True)
class Outcome:
    """What a search ended with."""

    is_complete: bool
    """Every state was visited: neither depth, memory nor an error ended the search before."""
    fallen: str | None
    """The claim that fell: an assertion's name, ``progress``, or what pan says instead."""
    story: tuple[str, ...]
    """What happens in the counterexample, line by line; empty where no claim fell."""
    states: int
    depth: int
    memory_mb: float
    seconds: float
    """Processor time, compiling included."""


CONFIGURATIONS: Final = (
    Configuration("one voter", ("REPLICAS=2", "HELD=1", "CRASHES=1", "SEQUENCE_LAST")),
    Configuration("two voters", ("CREDENTIALS=2", "PARTITIONS=2", "REPLICAS=2", "HELD=1", "SEQUENCE_LAST")),
    Configuration("three replicas", ("REPLICAS=3", "HELD=1", "SEQUENCE_LAST")),
    Configuration("interleaved", ("REPLICAS=1", "HELD=1")),
    Configuration("takeovers", ("REPLICAS=1", "CRASHES=1", "TAKEOVERS=1", "SEQUENCE_LAST")),
    Configuration("lies", ("REPLICAS=1", "HELD=2", "LIES=1", "NUMBERS=4", "RECORDS=16", "CLOSE_LAST", "SEQUENCE_LAST")),
    Configuration("releases", ("RELEASES", "BALLOTS=2", "ROLLBACKS=1", "RECORDS=12", "SEQUENCE_LAST")),
    Configuration("releases, set too early", ("RELEASES", "SET_TOO_EARLY", "BALLOTS=2", "RECORDS=12", "SEQUENCE_LAST")),
    Configuration("progress", ("PROGRESS", "CREDENTIALS=2", "PARTITIONS=2", "CRASHES=1", "SEQUENCE_LAST")),
)

GUARDS: Final = (
    Guard(
        "NO_MARKER_AT_START",
        of="one voter",
        finds="every_receipt_counts",
        story=(
            "the marker is written at 0/0",
            r"replica \d dies and starts anew",
            "reads partition 0 from 1 on",
            "is recorded at 0/1|records ballot ., number 1, at 0/1",
            "gets a receipt",
            "logs the marker at 0/0",
            "tally counts",
        ),
        besides=("WITHOUT_COMPARING",),
    ),
    Guard(
        "NO_MARKER_AT_START",
        of="one voter",
        finds="all_readers_agree",
        story=("reads partition 0 from [1-9]", "tally counts"),
    ),
    Guard(
        "NO_ORDER_RULE",
        of="one voter",
        finds="nothing_older_supersedes",
        story=(
            "posts ballot A, number 1, .* keeps a copy",
            "gives ballot A up",
            "records ballot [BC], number 1",
            "the kept copy of ballot A, number 1, is recorded",
            "logs ballot [BC]",
            "logs ballot A",
        ),
    ),
    Guard(
        "NO_READ_BACK",
        of="one voter",
        finds="every_receipt_counts",
        story=("the marker is written at", "replica . records ballot", "gets a receipt", "tally counts"),
    ),
    Guard(
        "CLOSED_BY_THE_CLOCK",
        of="one voter",
        finds="closed_is_a_fact",
        story=("the election is closed", "is told that the election is closed", "tally counts"),
    ),
    Guard(
        "COUNT_AT_ONE_MARKER",
        of="two voters",
        finds="every_receipt_counts",
        story=("gets a receipt", "logs the marker at", "tally counts"),
    ),
    Guard(
        "NO_FENCE",
        of="takeovers",
        finds="each_record_once_in_order",
        story=("fences every other", "fences every other", "logs .* at 0/0", "logs .* at 0/0"),
    ),
    Guard(
        "LOAD_BEFORE_FENCE",
        of="takeovers",
        finds="each_record_once_in_order",
        story=("fences every other", "logs .* at 0/0", "fences every other", "logs .* at 0/0"),
    ),
    Guard(
        "COUNT_OWN_CASTS",
        of="lies",
        finds="nothing_older_supersedes",
        story=(
            "number 2, .* keeps a copy",
            "gives ballot B up",
            "gets a receipt of ballot C",
            "logs ballot C",
            "logs ballot B",
        ),
    ),
    Guard(
        "BELIEVE_ANY_NUMBER",
        of="lies",
        finds="nothing_older_supersedes",
        story=("lies", "keeps a copy", "kept copy .* is recorded", "logs ballot C", "logs ballot [AB]"),
    ),
    Guard(
        "BELIEVE_ANY_STATEMENT",
        of="lies",
        finds="nothing_older_supersedes",
        story=(
            "posts ballot A",
            "lies: ballot A, number 1, is the last",
            "posts ballot B, number 2, .* keeps a copy",
            "logs ballot B",
        ),
    ),
    Guard(
        "SIGN_UNASKED",
        of="one voter",
        finds="nothing_older_supersedes",
        story=("gives ballot [AB] up", "the device that was left alone signs ballot [AB] anew", "logs ballot [AB]"),
    ),
    Guard(
        "SKIP_UNKNOWN",
        of="releases, set too early",
        finds="every_receipt_counts",
        story=(
            "newer form is to be written",
            "records ballot B, .* at 0/0",
            "gets a receipt of ballot B",
            "passes by what stands at 0/0",
            "tally counts",
        ),
    ),
    Guard("NO_FLEET_SETTING", of="releases", finds="no_reader_stops", story=("reader [01] is of release 1 now",)),
    Guard(
        "CLOSE_ONCE",
        of="progress",
        finds="progress",
        story=("the marker is written", "the replica that closes the box dies"),
    ),
)


def check(configuration: Configuration, *, max_depth: int = _MAX_DEPTH) -> Outcome:
    """Search one configuration, ``max_depth`` steps deep at most, in a directory of its own.

    Raises ``CalledProcessError`` when SPIN or the compiler refuses the model, ``TimeoutExpired`` after four minutes.
    """
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    defined = [f"-D{size}" for size in configuration.sizes]
    mode = [] if configuration.is_of_progress else ["-DSAFETY"]
    search = ["-a"] if configuration.is_of_progress else []
    with tempfile.TemporaryDirectory() as directory:
        # SPIN writes beside the model, and looks there for a counterexample.
        (Path(directory) / MODEL.name).write_text(MODEL.read_text())
        _run(["spin", "-a", *defined, MODEL.name], directory)
        _run(["gcc", "-w", configuration.compiler, f"-DMEMLIM={_MEMORY_MB}", *mode, "-o", "pan", "pan.c"], directory)
        said = _run(["./pan", *search, f"-m{max_depth}", f"-w{_HASH_BITS}"], directory)
        has_trail = (Path(directory) / f"{MODEL.name}.trail").exists()
        told = _run(["spin", "-t", *defined, MODEL.name], directory) if has_trail else ""
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    fallen = re.search(r"^pan:\d+: (?:assertion violated (\w+)|(acceptance cycle)|(.*) \(at depth)", said, re.MULTILINE)
    return Outcome(
        is_complete="errors: 0" in said and "Search not completed" not in said and "max search depth" not in said,
        fallen=None if fallen is None else fallen[1] or ("progress" if fallen[2] else fallen[3]),
        story=_story(told),
        states=int(_figure(r"(\d+) states, stored", said)),
        depth=int(_figure(r"depth reached (\d+)", said)),
        memory_mb=float(_figure(r"([\d.]+)\s+total actual memory usage", said)),
        seconds=(after.ru_utime - before.ru_utime) + (after.ru_stime - before.ru_stime),
    )


def tells(story: Sequence[str], expected: Sequence[str]) -> bool:
    """Whether the lines of a counterexample match the expressions, in their order, with others in between."""
    lines = iter(story)
    return all(any(re.search(expression, line) for line in lines) for expression in expected)


def _run(command: Sequence[str], directory: str) -> str:
    done = subprocess.run(command, cwd=directory, capture_output=True, text=True, timeout=_WITHIN_S, check=True)
    return done.stdout


def _story(told: str) -> tuple[str, ...]:
    """What the model's processes print: they are indented, and SPIN's own lines are not, or begin with its name."""
    return tuple(line.strip() for line in told.splitlines() if line.startswith("      ") and "spin:" not in line)


def _figure(expression: str, said: str) -> str:
    found = re.search(expression, said)
    if found is None:
        raise ValueError(f"pan does not say {expression!r}: {said}")
    return found[1]


def main() -> int:
    """Check everything, one after the other; 1 when something is not as it must be."""
    total, is_as_it_must_be = 0.0, True
    for configuration in CONFIGURATIONS:
        outcome = check(configuration)
        holds = outcome.is_complete and outcome.fallen is None
        _show(
            configuration.name, outcome, "holds" if holds else f"FALLS: {outcome.fallen or 'not searched to its end'}"
        )
        if not holds:
            print(*outcome.story, sep="\n")
        total, is_as_it_must_be = total + outcome.seconds, is_as_it_must_be and holds
    for guard in GUARDS:
        outcome = check(guard.configuration)
        is_found = outcome.fallen == guard.finds and tells(outcome.story, guard.story)
        _show(guard.configuration.name, outcome, f"{'finds' if is_found else 'FAILS TO FIND'} {guard.finds}")
        if not is_found:
            print(outcome.fallen, *outcome.story, sep="\n")
        total, is_as_it_must_be = total + outcome.seconds, is_as_it_must_be and is_found
    print(f"{total:.0f} s of processor time")
    return 0 if is_as_it_must_be else 1


def _show(name: str, outcome: Outcome, verdict: str) -> None:
    size = f"{outcome.states:>9,} states, depth {outcome.depth:>4}, {outcome.memory_mb:>4.0f} MB"
    print(f"{name:<54}{size}, {outcome.seconds:>5.1f} s  {verdict}", flush=True)


if __name__ == "__main__":
    sys.exit(main())
