"""Readings of nobody: templates that lie as those of faces do, to try the counting with as many as are asked for."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

import numpy as np
from evote_biometric.domain.reading import FaceReading

from .evaluation import Evaluation

_PARTS = 128
_FACE = FaceReading(
    faces=1,
    picture_width=700,
    picture_height=800,
    face_width=370,
    sharpness=100,
    brightness=120,
    contrast=50,
    yaw_deg=0,
    pitch_deg=0,
    roll_deg=0,
    eye_openness=0.3,
    mouth_covered=0,
    eyes_covered=0,
    genuineness=1,
    template=(),
    sketch=(),
)
_LIKE_EVERYBODY, _LIKE_ONESELF = 0.45, 0.15
"""How far persons lie from the mean face, and one person's pictures from each other: distances about as dlib's are."""


def synthetic_evaluation(faces: int, persons: int, conditions: Collection[str], seed: int) -> Evaluation:
    """As many ``faces`` of as many ``persons`` under each condition."""
    random = np.random.default_rng(seed)
    mean = random.normal(size=_PARTS)
    own = mean + _LIKE_EVERYBODY * random.normal(size=(persons, _PARTS))
    whose = np.arange(faces) % persons

    def readings() -> list[FaceReading]:
        templates = own[whose] + _LIKE_ONESELF * random.normal(size=(faces, _PARTS))
        templates /= np.linalg.norm(templates, axis=1, keepdims=True)
        return [replace(_FACE, template=tuple(template)) for template in templates.tolist()]

    names = tuple(f"person-{number:05}" for number in whose)
    return Evaluation(faces, 0, 0, names, {name: readings() for name in conditions})
