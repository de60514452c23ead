"""How a run is taken: by which command, when, on what and beside what. Its commit is added when it is kept."""

from __future__ import annotations

import os
import platform
from datetime import UTC, datetime


def taken_by(command: str) -> dict[str, str]:
    """For the head of a run's JSON; called when it begins."""
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {gigabytes:.0f} GiB, Python {platform.python_version()}",
        "load": f"{os.getloadavg()[0]:.1f} processes waited for a core when it began",
    }
