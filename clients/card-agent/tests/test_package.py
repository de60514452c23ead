"""What is shipped: wheels that run in an empty environment, and the systemd unit."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
UNIT = Path(__file__).parents[1] / "systemd" / "evote-card-agent.service"
UV = ROOT / ".tools" / "bin" / "uv"


def run(*command: object, cwd: Path = ROOT) -> str:
    done = subprocess.run([str(part) for part in command], cwd=cwd, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.slow
def test_the_built_wheels_run_by_one_command_in_an_empty_environment(tmp_path: Path) -> None:
    for package in ("evote-card-agent", "evote-jpki"):
        run(UV, "build", "--package", package, "--wheel", "--out-dir", tmp_path, "--quiet")
    wheels = sorted(path.name.split("-")[0] for path in tmp_path.glob("*.whl"))
    assert wheels == ["evote_card_agent", "evote_jpki"]
    # uvx makes an environment of nothing but the program's declared dependencies.
    uvx = (UV, "tool", "run", "--isolated", "--no-config", "--python", sys.executable, "--find-links", tmp_path)
    told = run(*uvx, "--from", "evote-card-agent", "evote-card-agent", "--help", cwd=tmp_path)
    assert "--page URL" in told and "投票ページ" in told
    program = "import sys, evote_card_agent.main as m; print(*sorted({name.split('.')[0] for name in sys.modules}))"
    loaded = set(run(*uvx, "--with", "evote-card-agent", "python", "-c", program, cwd=tmp_path).split())
    assert {"evote_card_agent", "evote_jpki", "smartcard", "starlette"} <= loaded
    assert not loaded & {"evote_platform", "fastapi", "pydantic", "cryptography", "pytest"}


@pytest.mark.slow
def test_the_wheel_holds_the_program_and_nothing_of_the_tests(tmp_path: Path) -> None:
    run(UV, "build", "--package", "evote-card-agent", "--wheel", "--out-dir", tmp_path, "--quiet")
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert all(name.startswith(("evote_card_agent/", "evote_card_agent-")) for name in names)


def test_the_unit_is_well_formed(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is missing")
    program = tmp_path / ".local/bin/evote-card-agent"
    program.parent.mkdir(parents=True)
    program.touch(mode=0o755)
    environment = {
        **os.environ,
        "HOME": str(tmp_path),
        "XDG_RUNTIME_DIR": str(tmp_path),
        "SYSTEMD_LOG_LEVEL": "warning",
    }
    done = subprocess.run(
        ["systemd-analyze", "verify", "--user", "--man=no", str(UNIT)],
        env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert (done.returncode, re.findall(r"evote-card-agent.*", done.stderr)) == (0, []), done.stderr
