"""The loader takes any folder of persons, and counts what it can't use."""

from __future__ import annotations

import shutil
from pathlib import Path

import cv2
import numpy as np
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.weights import install_weights
from evote_local.nodes.photographs import fetch_photographs

from ..data import load


def test_every_photograph_is_a_sample_or_counted_as_unusable(tmp_path: Path) -> None:
    weights, people, photographs = tmp_path / "weights", tmp_path / "people", fetch_photographs()
    install_weights(weights)
    shutil.copytree(photographs / "obama", people / "a")
    shutil.copytree(photographs / "biden", people / "b")
    (people / "b/2.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(people / "b/3.png"), np.full((300, 300, 3), 90, np.uint8))
    (people / "notes.txt").write_text("not a person")
    data = load(people, FaceFinder(weights))
    assert [sample.person for sample in data.samples] == ["a", "a", "a", "b"]
    assert (data.photographs, data.not_decoded, data.no_face) == (6, 1, 1)


def test_each_face_of_a_crowd_is_a_person_of_their_own(tmp_path: Path) -> None:
    weights, people = tmp_path / "weights", tmp_path / "people"
    install_weights(weights)
    shutil.copytree(fetch_photographs() / "crowds", people / "crowds")
    data = load(people, FaceFinder(weights))
    assert len(data.samples) >= 5
    assert len({sample.person for sample in data.samples}) == len(data.samples)
