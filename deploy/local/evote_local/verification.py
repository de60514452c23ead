"""Verifying what a run has produced: with our program, and with one that we did not write."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

GROUPS_OF_BELENIOS_TOOL = frozenset({"BELENIOS-2048"})


@dataclass(frozen=True)
class Verdict:
    """What a verifier said about an archive."""

    program: str
    accepted: bool
    output: str


def run_evote_verify(archive: Path, *options: str | Path) -> Verdict:
    """Run ``evote-verify`` as an auditor would; its progress bar goes to our standard error."""
    command = [sys.executable, "-m", "evote_verify.main", str(archive), *map(str, options)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)  # noqa: S603 - our own program
    return Verdict("evote-verify", done.returncode == 0, done.stdout.strip())


def run_belenios_tool(archive: Path, election_uuid: str) -> Verdict:
    """Run Debian's ``belenios-tool election verify``; it wants the archive to be named after the election."""
    tool = shutil.which("belenios-tool")
    if tool is None:
        return Verdict("belenios-tool", accepted=False, output="not installed (Debian: apt-get install belenios-tool)")
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(archive, Path(directory) / f"{election_uuid}.bel")
        done = subprocess.run(  # noqa: S603 - Debian's program
            [tool, "election", "verify"],
            cwd=directory,
            env={**os.environ, "BELENIOS_USE_URANDOM": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return Verdict("belenios-tool", done.returncode == 0, done.stdout.strip())
