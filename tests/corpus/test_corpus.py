"""The corpus, judged by our verifier and by two that we did not write."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from evote_belenios.archive import open_archive
from evote_belenios.errors import NotSupported
from evote_belenios.verify import verify_archive

HERE = Path(__file__).parent
SIRONA = HERE.parents[1] / ".tools/node/node_modules/sirona/dist/cli/sirona.js"
"""AGPL: a program of its own, for these tests alone."""
ENTRIES = json.loads((HERE / "corpus.json").read_text())


def judge(path: Path) -> tuple[int, str | None]:
    """Exit status and first rule, as ``evote-verify`` finds them."""
    try:
        with open_archive(path) as file:
            failures = verify_archive(file, processes=1, progress=lambda _done, _total: None).failures
    except NotSupported:
        return 2, None
    return (1, failures[0].rule) if failures else (0, None)


def of_group(group: str) -> list[Any]:
    return [pytest.param(entry, id=Path(entry["file"]).stem) for entry in ENTRIES if entry["file"].startswith(group)]


@pytest.mark.parametrize("entry", [*of_group("Ed25519"), *of_group("BELENIOS-2048")])
def test_our_verifier_finds_the_rule(entry: dict[str, Any]) -> None:
    assert judge(HERE / entry["file"]) == (entry["status"], entry["rule"])


@pytest.mark.slow
@pytest.mark.parametrize("entry", of_group("Ed25519"))
def test_sirona_judges_alike(entry: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(HERE / entry["file"], tmp_path / "election.bel")
    command = ["node", str(SIRONA), "election", "verify"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    accepted = entry["status"] == 0 or "sirona" in entry["accepted_by"]
    assert (done.returncode == 0) == accepted, done.stdout + done.stderr


@pytest.mark.parametrize("entry", of_group("BELENIOS-2048"))
def test_belenios_tool_judges_alike(entry: dict[str, Any], tmp_path: Path) -> None:
    shutil.copy(HERE / entry["file"], tmp_path / "election.bel")
    command = ["belenios-tool", "election", "verify"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode == 0) == (entry["status"] == 0), done.stderr
