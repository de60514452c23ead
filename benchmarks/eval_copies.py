"""How well copies of frames are told from new frames: ``make eval-copies`` writes ``docs/biometrics/copies.md``."""

from __future__ import annotations

import argparse
from pathlib import Path

from evote_biometric.engine.finding import FaceFinder

from benchmarks.faces.copies import measure, measured_bursts
from benchmarks.faces.copies_report import render_copies


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--weights", type=Path, default=Path(".cache/weights"))
    parser.add_argument("--out", type=Path, default=Path("docs/biometrics/copies.md"))
    arguments = parser.parse_args()
    finder = FaceFinder(arguments.weights)
    arguments.out.write_text(render_copies([measure(bursts, finder) for bursts in measured_bursts(finder)]))
    print(f"{arguments.out} written")


if __name__ == "__main__":
    main()
