"""Readings are kept between runs, for the same pixels and the same models only."""

from __future__ import annotations

import stat
from dataclasses import replace
from pathlib import Path

import numpy as np
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.picture import Picture

from ..evaluation import PLAIN
from ..readings import KeptReadings
from ..synthetic import synthetic_evaluation

READING = synthetic_evaluation(1, 1, [PLAIN], seed=1).readings[PLAIN][0]


class Reader:
    def __init__(self) -> None:
        self.asked = 0

    def read(self, picture: Picture) -> FaceReading:
        self.asked += 1
        return replace(READING, picture_width=picture.sent_width)


def test_a_picture_is_read_once_in_all_runs(tmp_path: Path) -> None:
    first, second, pixels = Reader(), Reader(), np.zeros((4, 5, 3), np.uint8)
    found = KeptReadings(tmp_path, "models", first.read).read(pixels)
    assert KeptReadings(tmp_path, "models", second.read).read(pixels) == found
    assert (first.asked, second.asked) == (1, 0)


def test_another_picture_or_another_model_is_read(tmp_path: Path) -> None:
    reader, pixels = Reader(), np.zeros((4, 6, 3), np.uint8)
    KeptReadings(tmp_path, "models", reader.read).read(pixels)
    KeptReadings(tmp_path, "models", reader.read).read(pixels.reshape(6, 4, 3))
    KeptReadings(tmp_path, "other models", reader.read).read(pixels)
    assert reader.asked == 3


def test_a_run_that_was_ended_while_it_wrote_costs_one_reading(tmp_path: Path) -> None:
    reader, one, other = Reader(), np.zeros((4, 4, 3), np.uint8), np.ones((4, 4, 3), np.uint8)
    kept = KeptReadings(tmp_path, "models", reader.read)
    kept.read(one)
    kept.read(other)
    file = tmp_path / "models.jsonl"
    file.write_bytes(file.read_bytes()[:-40])
    for _ in range(2):  # what is written behind the torn line can be read again
        again = KeptReadings(tmp_path, "models", reader.read)
        again.read(one)
        again.read(other)
    assert reader.asked == 3


def test_templates_are_kept_for_their_owner_alone(tmp_path: Path) -> None:
    folder = tmp_path / "readings"
    KeptReadings(folder, "models", Reader().read).read(np.zeros((4, 4, 3), np.uint8))
    for path in (folder, folder / "models.jsonl"):
        assert not stat.S_IMODE(path.stat().st_mode) & 0o077
