"""Photographs for the evaluation: any folder that holds a folder for each person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from evote_biometric.engine.decoding import Decoder, Limits, PictureRefused
from evote_biometric.engine.finding import FaceFinder, to_points
from evote_biometric.engine.geometry import Points
from evote_biometric.engine.picture import Pixels
from evote_local.nodes.photographs import CROWDS

_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Sample:
    """One photograph of one person."""

    person: str
    pixels: Pixels
    points: Points
    """Landmarks, for the simulated conditions."""


@dataclass(frozen=True)
class DataSet:
    """What could be used of a folder."""

    samples: list[Sample]
    photographs: int
    not_decoded: int
    no_face: int


def load(folder: Path, finder: FaceFinder) -> DataSet:
    """Read ``folder``: a folder for each person, and perhaps one of crowds.

    Each face of a photograph in ``crowds`` becomes a person of its own, cut out with its surroundings: persons in one
    photograph are different ones, and the folder must not show anybody twice.
    """
    samples, photographs, not_decoded, no_face = [], 0, 0, 0
    with Decoder(Limits()) as decoder:
        for person, path in _photographs(folder):
            photographs += 1
            try:
                pixels = decoder.decode(path.read_bytes()).pixels
            except PictureRefused:
                not_decoded += 1
                continue
            found = list(_faces(pixels, finder))
            if not found:
                no_face += 1
            elif person == CROWDS:
                samples += _strangers(pixels, path.stem, found)
            else:
                points = max(found, key=lambda points: float(np.ptp(points[:, 0])))
                samples.append(Sample(person, pixels, points))
    return DataSet(samples, photographs, not_decoded, no_face)


def _photographs(folder: Path) -> Iterator[tuple[str, Path]]:
    for person in sorted(path for path in folder.iterdir() if path.is_dir()):
        for path in sorted(person.iterdir()):
            if path.suffix.lower() in _SUFFIXES:
                yield person.name, path


def _faces(pixels: Pixels, finder: FaceFinder) -> Iterator[Points]:
    for box in finder.find(pixels):
        yield to_points(finder.shape(pixels, box))


def _strangers(pixels: Pixels, stem: str, found: list[Points]) -> Iterator[Sample]:
    for number, points in enumerate(found):
        centre, reach = points.mean(axis=0), float(np.ptp(points[:, 0]))
        left, top = (int(max(edge, 0)) for edge in centre - reach)
        right, bottom = (int(edge) for edge in centre + reach)
        yield Sample(f"{CROWDS}-{stem}-{number}", pixels[top:bottom, left:right], points - (left, top))
