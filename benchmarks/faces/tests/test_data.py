"""The loader takes any folder of persons, and counts what it can't use."""

from __future__ import annotations

import shutil
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.picture import Pixels
from evote_biometric.engine.weights import install_weights
from evote_local.nodes.photographs import DATABASE_OF_FACES, fetch_photographs

from ..data import load
from ..database_of_faces import framed
from ..evaluation import evaluate


def _unread(_: Pixels) -> FaceReading:
    raise AssertionError("nothing is read without a condition")


def test_every_photograph_is_a_sample_or_counted_as_unusable(tmp_path: Path) -> None:
    weights, people, photographs = tmp_path / "weights", tmp_path / "people", fetch_photographs()
    install_weights(weights)
    shutil.copytree(photographs / "obama", people / "a")
    shutil.copytree(photographs / "biden", people / "b")
    (people / "b/2.jpg").write_bytes(b"no picture")
    cv2.imwrite(str(people / "b/3.png"), np.full((300, 300, 3), 90, np.uint8))
    (people / "notes.txt").write_text("not a person")
    found = evaluate(load(people, FaceFinder(weights)), _unread, {})
    assert found.persons == ("a", "a", "a", "b")
    assert (found.photographs, found.not_decoded, found.no_face) == (6, 1, 1)


def test_each_face_of_a_crowd_is_a_person_of_their_own(tmp_path: Path) -> None:
    weights, people = tmp_path / "weights", tmp_path / "people"
    install_weights(weights)
    shutil.copytree(fetch_photographs() / "crowds", people / "crowds")
    persons = [sample.person for found in load(people, FaceFinder(weights)) for sample in found.samples]
    assert len(persons) >= 5
    assert len(set(persons)) == len(persons)


def test_each_photograph_of_the_database_of_faces_is_large_enough_and_framed() -> None:
    large = framed(np.full((112, 92), 30, np.uint8))
    assert large.shape == (112 * 5 + 240, 92 * 5 + 240)
    assert large[0, 0] == large[-1, -1] == 128 and large[400, 350] == 30


def test_the_database_of_faces_is_ten_photographs_each_of_forty_persons() -> None:
    folders = Counter(Path(target).parent.name for target in DATABASE_OF_FACES.files.values())
    assert len(folders) == 40 and set(folders.values()) == {10}
