"""Reads every sample under every condition; what is counted of the readings."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

import numpy as np
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.picture import Pixels

from .conditions import Change
from .data import Photograph
from .pairs import Pairs, pairs_among, pairs_between
from .statistics import Rate

Readings = list[FaceReading]
"""One for each sample, in the data set's order."""

PLAIN = "as they are"


@dataclass(frozen=True)
class Evaluation:
    """All that the report prints of one data set."""

    photographs: int
    not_decoded: int
    no_face: int
    persons: tuple[str, ...]
    """Whose each sample is."""
    readings: Mapping[str, Readings]
    """By condition or presentation."""

    def pairs(self, condition: str) -> Pairs:
        """Each sample as enrolled, as it is, against each other one under the condition.

        Nothing of it is kept: of 5,000 photographs it is some hundred megabytes.
        """
        references = [reading.template for reading in self.readings[PLAIN]]
        if condition == PLAIN:
            return pairs_among(self.persons, references)
        return pairs_between(self.persons, references, [reading.template for reading in self.readings[condition]])

    def not_found(self, condition: str) -> Rate:
        """Failure to acquire: no face was found."""
        readings = self.readings[condition]
        return Rate(sum(reading.faces == 0 for reading in readings), len(readings))

    def covered(self, condition: str, measure: Callable[[FaceReading], float]) -> Rate:
        """How often a reading with a face calls it covered."""
        found = [reading for reading in self.readings[condition] if reading.faces]
        return Rate(sum(measure(reading) >= 0.5 for reading in found), len(found))

    def taken_for_genuine(self, presentation: str) -> Rate:
        """Readings with a face that the passive check lets pass."""
        found = [reading for reading in self.readings[presentation] if reading.faces]
        return Rate(sum(reading.genuineness >= 0.5 for reading in found), len(found))


def evaluate(
    photographs: Iterable[Photograph], read: Callable[[Pixels], FaceReading], changes: Mapping[str, Change]
) -> Evaluation:
    """Read every sample as each of ``changes`` makes it look; a third of a second for a reading that isn't kept."""
    persons: list[str] = []
    readings: dict[str, Readings] = {name: [] for name in changes}
    total = not_decoded = no_face = 0
    for photograph in photographs:
        total += 1
        not_decoded += not photograph.decoded
        no_face += photograph.decoded and not photograph.samples
        for sample in photograph.samples:
            persons.append(sample.person)
            for name, change in changes.items():
                readings[name].append(read(np.ascontiguousarray(change(sample))))
    return Evaluation(total, not_decoded, no_face, tuple(persons), readings)
