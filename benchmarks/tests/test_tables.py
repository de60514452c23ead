"""What a benchmark tells is taken over into the document, with its numbers as numbers."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from ..performance import PLACES, document, keep, read_run, read_runs
from ..tables import Table, tell

TAKEN = {
    "command": "make bench-log",
    "date": "2026-11-29",
    "commit": "0" * 40,
    "machine": "2 cores",
    "load": "0.1 waited",
}


def test_what_is_told_is_printed_and_can_be_kept(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out, runs = tmp_path / "out", tmp_path / "runs"
    runs.mkdir()
    told = tell("log", TAKEN, "Ballots of 3 KB.", Table(["", "entries/s"], [["alone", 12345.6]]), out=out)
    assert "| alone | 12,346 |" in capsys.readouterr().out
    assert json.loads(told.read_text())["blocks"][1]["rows"] == [["alone", 12345.6]]
    run = read_run(keep(told, runs))
    assert (run.kind, run.order, run.title) == ("tables", *PLACES["log"])
    assert "Ballots of 3 KB.\n\n| | entries/s |\n|---|---|\n| alone | 12,346 |" in document(read_runs(runs))


def test_a_section_that_the_document_has_not_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match="no place"):
        tell("guessed", TAKEN, out=tmp_path)
