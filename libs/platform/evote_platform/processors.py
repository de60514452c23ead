"""How many processors this process may use: of a machine's, a container gets some, and pays for more with stalls."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from .cgroups import limits_of


def usable_processors(root: Path = Path("/")) -> int:
    """The processors that affinity and cgroup leave to this process, at least one.

    A quota of one and a half counts as one: what is beyond whole workers is the event loop's. The machine's number
    would start workers that the kernel then stops in turn, each in the middle of a ballot.

    Args:
        root: where ``/proc`` and ``/sys`` are.
    """
    return max(1, min([len(os.sched_getaffinity(0)), *(int(quota) for quota in _quotas(root))]))


def _quotas(root: Path) -> Iterator[float]:
    """What each limit allows, in processors: a share of time out of a period, both in microseconds."""
    for quota, period in limits_of("cpu", "cpu.max", root):
        if quota != "max":
            yield int(quota) / int(period)
    periods = limits_of("cpu", "cpu.cfs_period_us", root)
    for (quota,), (period,) in zip(limits_of("cpu", "cpu.cfs_quota_us", root), periods, strict=True):
        if int(quota) > 0:
            yield int(quota) / int(period)
