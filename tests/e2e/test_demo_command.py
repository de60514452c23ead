"""The commands behind `make demo`, as a person at a terminal meets them."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from evote_local.testbed import wait_until

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_ctrl_c_in_the_middle_of_a_demo_leaves_nothing_running(stack_directory: Path, tmp_path: Path) -> None:
    scratch = stack_directory / "scratch"
    scratch.mkdir()
    scratch.chmod(0o755)  # PostgreSQL's own user has to get to its data
    demo = subprocess.Popen(
        [sys.executable, "-m", "evote_local.main", "demo", "--voters", "200"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )

    def all_are_started() -> bool:
        assert demo.poll() is None, demo.communicate()[0].decode()
        return any("evote_tally.main serve" in command for command in _descendants(demo.pid).values())

    wait_until(all_are_started, within_s=300)
    started = _descendants(demo.pid)
    # A terminal sends the signal to its whole foreground group.
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=300)
    assert demo.returncode == 130, output.decode()
    assert len(started) >= 7  # PostgreSQL, Kafka and five service processes
    assert [command for pid, command in started.items() if _command_of(pid) == command] == []
    assert list(scratch.iterdir()) == []


def _descendants(ancestor: int) -> dict[int, str]:
    """The command lines of all processes started below one, by process id."""
    children: dict[int, list[int]] = {}
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            # The name in brackets may hold anything; the state and the parent's id follow its end.
            parent = (process / "stat").read_text().rpartition(")")[2].split()[1]
            children.setdefault(int(parent), []).append(int(process.name))
    found = {}
    waiting = [ancestor]
    while waiting:
        for child in children.get(waiting.pop(), []):
            found[child] = _command_of(child)
            waiting.append(child)
    return found


def _command_of(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""
