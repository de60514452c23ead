"""``make bench-verify`` over a small archive: one group, every program, and a file that the document takes over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from evote_belenios.groups import group_by_name

from benchmarks import performance
from benchmarks.bench_verify import PLACES_OF, SIRONA, _as_given, version_of, version_of_sirona

TOOL = shutil.which("belenios-tool")


@pytest.mark.skipif(TOOL is None, reason="needs belenios-tool")
@pytest.mark.parametrize("group", sorted(PLACES_OF))
def test_a_run_is_of_one_group_and_has_a_place_of_its_own(group: str, tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.bench_verify", "--group", group, "--ballots", "3"]
    environment = {**os.environ, "PYTHONPATH": str(Path(performance.__file__).parents[1])}
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    written = tmp_path / "bench-out" / f"{PLACES_OF[group]}.json"
    figures = json.loads(written.read_text())
    assert {row["group"] for row in figures["rows"]} == {group}
    assert figures["taken"]["command"].startswith(f"make bench-verify GROUP={group} BALLOTS=3")
    version = version_of("belenios-tool")
    measured = f"belenios-tool {version}, 1 core" in {row["what"] for row in figures["rows"]}
    # Where it verified, and only there, the command says with which program: one that can be given to it.
    assert measured == (" BELENIOS_TOOL=belenios-tool" in figures["taken"]["command"])
    assert measured != (f"belenios-tool {version} doesn't know {group}" in done.stdout)
    kept = performance.keep(written, tmp_path)
    assert kept.stem == PLACES_OF[group]
    shown = performance.document([performance.read_run(kept)]).splitlines()
    assert set(figures["said"]) <= set(shown)
    if measured:
        ours, theirs = (
            next(row for row in figures["rows"] if row["what"].startswith(program))
            for program in (f"evote-verify ({group_by_name(group).arithmetic})", "belenios-tool")
        )
        cores = len(os.sched_getaffinity(0))
        assert (
            f"In {group} `evote-verify` is {theirs['seconds'] / ours['seconds']:.1f} times as fast as "
            f"belenios-tool {version}: on {cores} cores, beside its one."
        ) in shown
        times = theirs["cpu_seconds"] / ours["cpu_seconds"]
        assert f"It takes 1/{times:.1f} of the processor time of belenios-tool {version}." in shown
    if SIRONA.exists():
        others = " ".join([row["what"] for row in figures["rows"]] if group == "Ed25519" else figures["said"])
        assert f"sirona {version_of_sirona()}" in others


def test_an_archive_that_grew_is_verified_anew_and_from_where_an_auditor_had_verified_it(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "benchmarks.bench_verify", "--grow", "10", "20"]
    environment = {**os.environ, "PYTHONPATH": str(Path(performance.__file__).parents[1])}
    subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)
    kept = performance.keep(tmp_path / "bench-out" / "verification-growth.json", tmp_path)
    shown = performance.document([performance.read_run(kept)])
    for ballots in (10, 20):
        assert f"| evote-verify, {ballots} ballots | {ballots} |" in shown
        assert f"| evote-verify --resume, {ballots} ballots, 90% of them verified before | {ballots} |" in shown
        assert f"With `--resume`, 90% of {ballots} ballots verified before, `evote-verify` takes " in shown
    assert "Among 20 ballots one costs " in shown


def test_where_the_others_program_lies_in_the_checkout_the_command_names_it_from_there(tmp_path: Path) -> None:
    cached = Path(performance.__file__).parents[1] / ".cache/belenios-tool/belenios-tool"
    assert _as_given(str(cached)) == ".cache/belenios-tool/belenios-tool"
    assert _as_given(str(tmp_path / "belenios-tool")) == str(tmp_path / "belenios-tool")


def test_the_groups_stand_beside_one_another() -> None:
    orders = [performance.PLACES[place][0] for place in PLACES_OF.values()]
    assert orders == [39, 40]
