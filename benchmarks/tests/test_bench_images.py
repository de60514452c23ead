"""Figures are of the commit that the run says, and the images were built before it."""

from __future__ import annotations

from pathlib import Path

from evote_images.build import labels_of
from evote_images.oci import Start, write_image

from benchmarks.bench_images import of_another_commit

ONE, OTHER = "1" * 40, "2" * 40


def test_an_image_of_another_commit_is_not_measured_as_one_of_this(tmp_path: Path) -> None:
    archives = {}
    for name, revision in (("auth", ONE), ("tally", OTHER)):
        archives[name] = tmp_path / f"{name}.tar"
        write_image(archives[name], f"r.example/{name}:0.1.0", (), Start(["/run"]), labels_of(name, revision))
    assert of_another_commit(archives, ONE) == ["tally"]
    assert of_another_commit(archives, f"{OTHER}-dirty") == ["auth"]
