"""How long the counting of ``make eval-face`` takes, without the reading: ``make bench-face-counting [FACES=5000]``.

As many made-up templates as ``FACES``, half as many persons, under every condition: the whole report and its plots.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from pathlib import Path

from benchmarks.faces.conditions import CONDITIONS, PRESENTATIONS
from benchmarks.faces.evaluation import PLAIN
from benchmarks.faces.plots import plot_det, plot_distances
from benchmarks.faces.report import THRESHOLD, Measured, render
from benchmarks.faces.synthetic import synthetic_evaluation


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=5000)
    faces = parser.parse_args().faces
    evaluation = synthetic_evaluation(faces, faces // 2, (CONDITIONS | PRESENTATIONS).keys(), seed=1)
    measured = Measured(f"{faces} made-up templates", evaluation, ())
    started = time.perf_counter()

    def said(what: str) -> None:
        print(f"{what:<40}{time.perf_counter() - started:8.1f} s")

    with tempfile.TemporaryDirectory() as folder:
        plain = evaluation.pairs(PLAIN).comparisons
        said(f"{len(plain.genuine) + len(plain.impostor)} pairs, in order")
        plot_distances(plain, THRESHOLD, Path(folder) / "distances.svg")
        plot_det(((name, evaluation.pairs(name).comparisons) for name in CONDITIONS), Path(folder) / "det.svg")
        said("both plots drawn")
        render(measured, measured, measured, "plots")
        said("report written")
    print(f"{'memory at most':<40}{resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:8.0f} MB")


if __name__ == "__main__":
    main()
