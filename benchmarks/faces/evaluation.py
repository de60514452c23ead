"""Reads every sample under every condition, and counts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.picture import Picture
from tqdm import tqdm

from .conditions import CONDITIONS, PRESENTATIONS, Change
from .data import DataSet, Sample
from .statistics import Comparisons, Rate

Readings = list[FaceReading]
"""One for each sample, in the data set's order."""


@dataclass(frozen=True)
class Evaluation:
    """All that the report prints."""

    data: DataSet
    readings: dict[str, Readings]
    """By condition."""
    presentations: dict[str, Readings]

    def comparisons(self, condition: str) -> Comparisons:
        """Each sample as enrolled, as it is, against each other one under the condition."""
        references, probes = self.readings["as they are"], self.readings[condition]
        symmetric = condition == "as they are"
        genuine, impostor, failed = [], [], {True: 0, False: 0}
        for i, one in enumerate(self.data.samples):
            for j, other in enumerate(self.data.samples):
                if i == j or (symmetric and i > j):
                    continue
                same = one.person == other.person
                if not references[i].template or not probes[j].template:
                    failed[same] += 1
                    continue
                distance = 1 - float(np.dot(references[i].template, probes[j].template))
                (genuine if same else impostor).append(distance)
        return Comparisons(genuine, impostor, failed[True], failed[False])

    def not_found(self, condition: str) -> Rate:
        """Failure to acquire: no face was found."""
        readings = self.readings[condition]
        return Rate(sum(reading.faces == 0 for reading in readings), len(readings))

    def covered(self, condition: str, measure: Callable[[FaceReading], float]) -> Rate:
        """How often a reading with a face calls it covered."""
        found = [reading for reading in self.readings[condition] if reading.faces]
        return Rate(sum(measure(reading) >= 0.5 for reading in found), len(found))

    @staticmethod
    def taken_for_genuine(readings: Readings) -> Rate:
        """Readings with a face that the passive check lets pass."""
        found = [reading for reading in readings if reading.faces]
        return Rate(sum(reading.genuineness >= 0.5 for reading in found), len(found))


def evaluate(data: DataSet, engine: FaceEngine) -> Evaluation:
    """Read everything; a third of a second for each picture."""

    def readings(change: Change) -> Readings:
        return [_read(engine, change, sample) for sample in data.samples]

    return Evaluation(
        data,
        {name: readings(change) for name, change in tqdm(CONDITIONS.items(), desc="conditions")},
        {name: readings(change) for name, change in tqdm(PRESENTATIONS.items(), desc="presentations")},
    )


def _read(engine: FaceEngine, change: Change, sample: Sample) -> FaceReading:
    pixels = np.ascontiguousarray(change(sample))
    return engine.read(Picture(pixels, pixels.shape[1], pixels.shape[0]))
