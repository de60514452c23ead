"""Photographs for the evaluation: any folder that holds a folder for each person."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from evote_biometric.engine.decoding import Decoder, Limits, PictureRefused
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.geometry import Points
from evote_biometric.engine.picture import Pixels
from evote_local.nodes.photographs import CROWDS

_SUFFIXES = {".jpg", ".jpeg", ".png"}


@dataclass(frozen=True)
class Sample:
    """One photograph of one person."""

    person: str
    pixels: Pixels = field(repr=False)
    points: Points = field(repr=False)
    """Landmarks, for the simulated conditions."""


@dataclass(frozen=True)
class Photograph:
    """What could be used of one file."""

    decoded: bool
    samples: tuple[Sample, ...]
    """None when no face was found; several in a photograph of a crowd."""


def photograph_files(folder: Path) -> list[tuple[str, Path]]:
    """Whose photographs are in ``folder``, and where, ordered by person."""
    return [
        (person.name, path)
        for person in sorted(path for path in folder.iterdir() if path.is_dir())
        for path in sorted(person.iterdir())
        if path.suffix.lower() in _SUFFIXES
    ]


def load(folder: Path, finder: FaceFinder) -> Iterator[Photograph]:
    """Read ``folder``: a folder for each person, and perhaps one of crowds. One photograph is held at a time.

    Each face of a photograph in ``crowds`` becomes a person of its own, cut out with its surroundings: persons in one
    photograph are different ones, and the folder must not show anybody twice.
    """
    with Decoder(Limits()) as decoder:
        for person, path in photograph_files(folder):
            try:
                pixels = decoder.decode(path.read_bytes()).pixels
            except PictureRefused:
                yield Photograph(decoded=False, samples=())
                continue
            found = list(_faces(pixels, finder))
            if person == CROWDS:
                yield Photograph(decoded=True, samples=tuple(_strangers(pixels, path.stem, found)))
            else:
                largest = sorted(found, key=lambda points: float(np.ptp(points[:, 0])))[-1:]
                yield Photograph(decoded=True, samples=tuple(Sample(person, pixels, points) for points in largest))


def _faces(pixels: Pixels, finder: FaceFinder) -> Iterator[Points]:
    for box in finder.find(pixels):
        yield finder.points(pixels, box)


def _strangers(pixels: Pixels, stem: str, found: list[Points]) -> Iterator[Sample]:
    for number, points in enumerate(found):
        centre, reach = points.mean(axis=0), float(np.ptp(points[:, 0]))
        left, top = (int(max(edge, 0)) for edge in centre - reach)
        right, bottom = (int(edge) for edge in centre + reach)
        yield Sample(f"{CROWDS}-{stem}-{number}", pixels[top:bottom, left:right], points - (left, top))
