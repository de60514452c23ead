"""How long a browser's engine takes for the ballot of 2022, both groups: ``make bench-web``, in Node."""

from __future__ import annotations

import subprocess
from pathlib import Path
from typing import Final

from evote_local.referendum.taken import taken_by

from benchmarks.tables import Table, tell

_ROOT: Final = Path(__file__).parents[1]


def bundle(bench: str, *options: str) -> Path:
    """A program of `web/shared/tests` in one file, which prints a line for each figure.

    Raises:
        subprocess.CalledProcessError: it can't be bundled.
    """
    program = _ROOT / f".cache/bench-{bench}.js"
    command = [str(_ROOT / "web/node_modules/.bin/rolldown"), str(_ROOT / f"web/shared/tests/{bench}.bench.ts")]
    subprocess.run([*command, *options, "--file", str(program)], check=True, capture_output=True)
    return program


def main() -> None:
    """Measure, and write it down."""
    taken = taken_by("make bench-web")
    program = bundle("encryption", "--platform", "node", "--format", "cjs")
    done = subprocess.run(["node", str(program)], check=True, capture_output=True, text=True)
    rows = [list(line.partition(": ")[::2]) for line in done.stdout.splitlines()]
    tell(
        "web",
        taken,
        "One ballot of 2022, of four candidates and blank, on one core, in Node.",
        Table(["group", "a ballot"], rows),
    )


if __name__ == "__main__":
    main()
