"""``make bench-verify`` over a small archive: one group, every program, and a file that the document takes over."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import performance
from benchmarks.bench_verify import PLACES_OF, version_of

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
    # Its version stands where it verified, and only there.
    assert measured == (f"BELENIOS_TOOL=(version {version})" in figures["taken"]["command"])
    assert measured != (f"belenios-tool {version} doesn't know {group}" in done.stdout)
    assert performance.keep(written, tmp_path).stem == PLACES_OF[group]


def test_the_groups_stand_beside_one_another() -> None:
    orders = [performance.PLACES[place][0] for place in PLACES_OF.values()]
    assert orders == [39, 40]
