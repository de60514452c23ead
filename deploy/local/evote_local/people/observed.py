"""What is seen of a deployment's processes while a crowd votes: written beside it, read by the crowd's report."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final, TextIO

CROWD: Final = "crowd"
"""The process of the people themselves."""
_OTHERS: Final = (CROWD, "anvil", "test-authority", "phone-provider", "witness-")
"""Beginnings of the names of those that are no part of the city's platform: others run them, or they stand in for
others."""


def is_the_citys(process: str) -> bool:
    """Whether what a process uses is the platform's."""
    return not process.startswith(_OTHERS)


def is_no_voters(process: str) -> bool:
    """Whether what a process uses is the platform's, or that of those beside it: witnesses, chain, cards' authority."""
    return process != CROWD


@dataclass(frozen=True)
class Bounds:
    """What settings let a server have, whoever comes: so many processes, and so much memory that they share."""

    processes: int
    shared_mb: float


@dataclass(frozen=True)
class Used:
    """What a process and those that it has started have used."""

    cpu_s: float
    """Since it began, in seconds of a processor."""
    memory_mb: float
    """Their memory now: what they have written, files apart, and what a server's processes share by a setting."""
    processes: int = 1
    shared_mb: float = 0.0
    bounds: Bounds | None = None


@dataclass(frozen=True)
class Machine:
    """All processors of the machine."""

    cores: int
    others_cpu_s: float
    """What they have done since it started for none of the processes that are looked at, in seconds of a processor."""


@dataclass(frozen=True)
class Seen:
    """One look at all processes. ``at`` is of the machine's monotonic clock, in seconds."""

    at: float
    processes: Mapping[str, Used]
    lag: Mapping[str, float] = field(default_factory=dict)
    """Records that each service's projections have still to apply; of those that told."""
    machine: Machine | None = None


@dataclass(frozen=True)
class Fault:
    """A part that was broken on purpose: from when, until all was well again (None: not yet)."""

    name: str
    begun: float
    ended: float | None


class Observed:
    """A file of looks and faults, a line each; written by one process, from any of its threads."""

    def __init__(self, file: TextIO) -> None:
        self._file = file
        self._writing = threading.Lock()

    def add(self, what: Seen | Fault) -> None:
        """Write a line, at once."""
        with self._writing:
            self._file.write(json.dumps(asdict(what)) + "\n")
            self._file.flush()


def read_observed(path: Path) -> tuple[list[Seen], list[Fault]]:
    """All of a file, in its order; a fault's last word is the one that counts."""
    seen, faults = [], dict[tuple[str, float], Fault]()
    for what in _lines(path):
        if isinstance(what, Fault):
            faults[what.name, what.begun] = what
        else:
            seen.append(what)
    return seen, list(faults.values())


def _lines(path: Path) -> Iterator[Seen | Fault]:
    with path.open() as file:
        for line in file:
            if not line.endswith("\n"):
                return  # the writer is at it
            said = json.loads(line)
            if "begun" in said:
                yield Fault(**said)
            else:
                processes = {name: _used(**used) for name, used in said["processes"].items()}
                machine = said["machine"]
                yield Seen(said["at"], processes, said["lag"], machine and Machine(**machine))


def _used(bounds: Mapping[str, Any] | None, **used: Any) -> Used:
    return Used(**used, bounds=Bounds(**bounds) if bounds else None)
