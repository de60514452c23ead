"""The commands behind `make demo`, as a person at a terminal meets them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_ctrl_c_in_the_middle_of_a_demo_leaves_nothing_running(tmp_path: Path) -> None:
    scratch = tmp_path / "scratch"
    scratch.mkdir()
    for folder in (scratch, *tmp_path.parents[:2], tmp_path):
        folder.chmod(0o755)  # PostgreSQL's own user has to get to its data
    demo = subprocess.Popen(
        [sys.executable, "-m", "evote_local.main", "demo", "--voters", "200"],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(scratch)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    _wait_until(lambda: any("evote_tally" in command for command in _processes_of(scratch)), demo)
    # A terminal sends the signal to its whole foreground group.
    os.killpg(demo.pid, signal.SIGINT)
    output, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, output.decode()
    assert _processes_of(scratch) == []
    assert list(scratch.iterdir()) == []


def _wait_until(condition: object, demo: subprocess.Popen[bytes]) -> None:
    assert callable(condition)
    for _ in range(600):
        if condition():
            return
        assert demo.poll() is None, demo.communicate()[0].decode()
        time.sleep(0.1)
    raise AssertionError("the demo did not start within a minute")


def _processes_of(scratch: Path) -> list[str]:
    """The command lines of all processes that have the run's directory in their arguments or their environment."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            command = (process / "cmdline").read_bytes()
            if str(scratch).encode() in command + (process / "environ").read_bytes() and b"evote_local" not in command:
                found.append(command.replace(b"\0", b" ").decode())
        except OSError:
            continue
    return found
