"""Where the kernel keeps the limits that a container has (cgroups(7), versions 1 and 2)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def limits_of(controller: str, name: str, root: Path) -> Iterator[list[str]]:
    """The words of each file ``name`` on the way from this process's group up to the top: all of them hold.

    Args:
        controller: such as ``cpu``.
        root: where ``/proc`` and ``/sys`` are.
    """
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no cgroups: no limits
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        hierarchy = root / "sys/fs/cgroup" / (controller if controllers else "")
        # In a container the path may be the host's, of which only the container's own part is mounted, at the top.
        own = hierarchy / place.lstrip("/")
        for folder in (own, *own.parents):
            if folder.is_relative_to(hierarchy) and (words := _words(folder / name)):
                yield words


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
