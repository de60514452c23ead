"""How many processors this process may use: of a machine's, a container gets some, and pays for more with stalls."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path


def usable_processors(root: Path = Path("/")) -> int:
    """The processors that affinity and cgroup leave to this process, at least one.

    A quota of one and a half counts as one: what is beyond whole workers is the event loop's. The machine's number
    would start workers that the kernel then stops in turn, each in the middle of a ballot.

    Args:
        root: where ``/proc`` and ``/sys`` are.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *(int(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """What each limit on the way from this process's cgroup up to the root allows, in processors (cgroups(7))."""
    try:
        lines = (root / "proc/self/cgroup").read_text().splitlines()
    except OSError:  # no cgroups: no limits
        return
    for line in lines:
        _, controllers, place = line.split(":", 2)
        if not controllers:
            yield from _limits(root / "sys/fs/cgroup", place, _quota_of_v2)
        elif "cpu" in controllers.split(","):
            yield from _limits(root / "sys/fs/cgroup/cpu", place, _quota_of_v1)


def _limits(hierarchy: Path, place: str, quota_of: Callable[[Path], float | None]) -> Iterator[float]:
    # In a container the path may be the host's, of which only the container's own part is mounted, at the top.
    own = hierarchy / place.lstrip("/")
    for folder in (own, *own.parents):
        if folder.is_relative_to(hierarchy) and (quota := quota_of(folder)) is not None:
            yield quota


def _quota_of_v2(folder: Path) -> float | None:
    words = _words(folder / "cpu.max")
    return None if len(words) != 2 or words[0] == "max" else int(words[0]) / int(words[1])


def _quota_of_v1(folder: Path) -> float | None:
    quota, period = _words(folder / "cpu.cfs_quota_us"), _words(folder / "cpu.cfs_period_us")
    return None if not quota or not period or int(quota[0]) <= 0 else int(quota[0]) / int(period[0])


def _words(file: Path) -> list[str]:
    try:
        return file.read_text().split()
    except OSError:
        return []
