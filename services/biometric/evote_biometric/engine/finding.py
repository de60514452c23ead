"""Where faces are in a picture, where each one's landmarks are, and each one as recognition wants it."""

from __future__ import annotations

from pathlib import Path

import cv2
import dlib
import numpy as np

from evote_biometric.engine.geometry import Points
from evote_biometric.engine.mesh import FaceMesh, FaceSquare
from evote_biometric.engine.picture import Pixels
from evote_biometric.engine.weights import MESH, weight_path

DETECTION_SIDE = 800
"""Longest side at which faces are looked for: the detector's time grows with the area (ADR 11)."""
CHIP_SIDE = 150
"""Side of the aligned face that the recognition model takes, in pixels."""
_FACE_IN_BOXES = 1.6
"""Side of the square that holds a whole face, in widths of the detector's box."""


class FaceFinder:
    """dlib's detector (histograms of oriented gradients; it ships its weights in its code) and MediaPipe's mesh."""

    def __init__(self, weights: Path) -> None:
        """``weights`` is the folder that :mod:`evote_biometric.engine.weights` fills."""
        self._detector = dlib.get_frontal_face_detector()
        self._mesh = FaceMesh(weight_path(weights, MESH))

    def find(self, pixels: Pixels) -> list[dlib.rectangle]:
        """The boxes of all faces, in pixels of the picture; a face's box may reach over its edge."""
        scale = min(1.0, DETECTION_SIDE / max(pixels.shape[:2]))
        small = cv2.resize(pixels, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
        return [
            dlib.rectangle(*(round(edge / scale) for edge in (box.left(), box.top(), box.right(), box.bottom())))
            for box in self._detector(small, 0)
        ]

    def points(self, pixels: Pixels, box: dlib.rectangle) -> Points:
        """The 68 landmarks of the face in a box."""
        centre = np.array([(box.left() + box.right()) / 2, (box.top() + box.bottom()) / 2])
        # Upright as the detector takes it to be; how it leans, the mesh finds itself.
        return self._mesh.find(pixels, FaceSquare(centre, box.width() * _FACE_IN_BOXES, roll=0.0))


def align(pixels: Pixels, points: Points) -> Pixels:
    """The face upright and centred, ``CHIP_SIDE`` pixels high and wide: as dlib aligned what its model learned from."""
    parts = [dlib.point(round(x), round(y)) for x, y in points]
    shape = dlib.full_object_detection(dlib.rectangle(0, 0, pixels.shape[1], pixels.shape[0]), parts)
    return np.asarray(dlib.get_face_chip(pixels, shape, CHIP_SIDE), np.uint8)
