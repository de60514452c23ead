"""How a run is taken: by which command, when, of which commit, on what and beside what."""

from __future__ import annotations

import os
import platform
import subprocess
import sys
import sysconfig
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent


def taken_by(command: str, tree: Path = _HERE) -> dict[str, str]:
    """For the head of a run's JSON; called when it begins, for the tree may be another when it is kept.

    Args:
        command: it prints the figures anew.
        tree: a folder of the checkout that is measured.

    Raises:
        subprocess.CalledProcessError: ``tree`` is in no checkout of git.
    """
    gigabytes = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    return {
        "command": command,
        "date": datetime.now(UTC).date().isoformat(),
        "commit": _commit_of(tree),
        "machine": f"{len(os.sched_getaffinity(0))} cores, {gigabytes:.0f} GiB, {interpreter()}",
        "load": f"{os.getloadavg()[0]:.1f} processes waited for a core when it began",
    }


def _commit_of(tree: Path) -> str:
    """With ``-dirty`` when a file that git tracks is not as in that commit."""
    # No tag matches: the commit itself, whole.
    command = ["git", "describe", "--always", "--abbrev=40", "--exclude=*", "--dirty"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=True)  # noqa: S603 - git's own
    return done.stdout.strip()


def interpreter() -> str:
    """This Python's version and who built it: the same version costs a fifth more or less by how it was compiled."""
    version = f"Python {platform.python_version()}"
    if sys.base_prefix == "/usr":
        system = platform.freedesktop_os_release()
        return f"{version} ({system['NAME'].split()[0]} {system.get('VERSION_ID', '')}".rstrip() + ")"
    optimised = "--enable-optimizations" in (sysconfig.get_config_var("CONFIG_ARGS") or "")
    return f"{version} (not the system's, built {'with' if optimised else 'without'} --enable-optimizations)"
