"""httpx asks `sniffio` again and again which event loop runs; where it is missing, each import is tried anew."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
PROGRAMS = sorted(
    path.parent for folder in ("services", "clients", "deploy") for path in ROOT.glob(f"{folder}/*/pyproject.toml")
)


def test_whoever_asks_by_httpx_in_an_event_loop_brings_sniffio() -> None:
    """Without it a client's request costs three times the processor: Python doesn't keep that an import failed."""
    asking, without = set(), set()
    for program in PROGRAMS:
        sources = (path.read_text("utf-8") for path in program.rglob("*.py") if "tests" not in path.parts)
        if any("httpx.AsyncClient" in source for source in sources):
            asking.add(program.name)
            project = tomllib.loads((program / "pyproject.toml").read_text("utf-8"))["project"]
            if not any(line.startswith("sniffio") for line in project["dependencies"]):
                without.add(program.name)
    assert {"auth", "tally", "local"} <= asking
    assert not without
