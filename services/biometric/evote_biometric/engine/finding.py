"""Where faces are in a picture, and where each one's landmarks are."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np

from evote_biometric.engine.geometry import Points
from evote_biometric.engine.picture import Pixels
from evote_biometric.engine.weights import LANDMARKS, weight_path

DETECTION_SIDE = 800
"""Longest side at which faces are looked for: the detector's time grows with the area (ADR 11)."""


class FaceFinder:
    """dlib's detector (histograms of oriented gradients; it ships its weights in its code) and 68 landmarks."""

    def __init__(self, weights: Path) -> None:
        self._detector = dlib.get_frontal_face_detector()
        self._predictor = dlib.shape_predictor(str(weight_path(weights, LANDMARKS)))

    def find(self, pixels: Pixels) -> list[dlib.rectangle]:
        """The boxes of all faces, in pixels of the picture; a face's box may reach over its edge."""
        scale = min(1.0, DETECTION_SIDE / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return [
            dlib.rectangle(*(round(edge / scale) for edge in (box.left(), box.top(), box.right(), box.bottom())))
            for box in self._detector(small, 0)
        ]

    def shape(self, pixels: Pixels, box: dlib.rectangle) -> dlib.full_object_detection:
        """The landmarks of the face in a box."""
        return self._predictor(pixels, box)


def to_points(shape: dlib.full_object_detection) -> Points:
    """The 68 landmarks as an array."""
    return np.array([(part.x, part.y) for part in shape.parts()], dtype=np.float64)
