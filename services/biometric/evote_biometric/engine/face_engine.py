"""The models: one picture in, one reading out."""

from __future__ import annotations

import os
from pathlib import Path

import dlib
import numpy as np

from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.appearance import (
    certainty,
    eyes_difference,
    lip_difference,
    measure_light,
    screen_pattern,
)
from evote_biometric.engine.finding import CHIP_SIDE, FaceFinder, align
from evote_biometric.engine.geometry import NoFaceLikeThat, estimate_pose, eye_openness
from evote_biometric.engine.picture import Picture, Pixels
from evote_biometric.engine.sketch import sketch_of
from evote_biometric.engine.weights import check_weights

_MODEL = "Dlib"

# Where a measure of appearance.py says "as likely as not", and how fast that changes; errors: docs/biometrics.md.
_LIPS, _EYES, _SCREEN = (3.2, 0.8), (27.0, 4.0), (2.1, 0.4)


class FaceEngine:
    """Finder and recognition model. Takes seconds to start and 1 GB: one for each worker process."""

    def __init__(self, weights: Path) -> None:
        """``weights`` is the folder that :mod:`evote_biometric.engine.weights` fills.

        Raises:
            WeightsMissing, WeightsDifferent: it isn't as it must be.
        """
        check_weights(weights)
        # Read by deepface and TensorFlow when they are imported, and by nobody later.
        os.environ |= {"DEEPFACE_HOME": str(weights), "TF_CPP_MIN_LOG_LEVEL": "3", "CUDA_VISIBLE_DEVICES": "-1"}
        # Keras would leave settings in its folder, and the next one read them: it has none, and takes its own.
        os.environ |= {"DEEPFACE_LOG_LEVEL": "50", "KERAS_HOME": os.devnull}
        from deepface import DeepFace

        self._represent = DeepFace.represent
        self._finder = FaceFinder(weights)
        # Loads the models: the first voter needn't wait.
        nobody = np.zeros((CHIP_SIDE, CHIP_SIDE, 3), np.uint8)
        self._finder.points(nobody, dlib.rectangle(0, 0, CHIP_SIDE, CHIP_SIDE))
        self._embed(nobody)

    def read(self, picture: Picture) -> FaceReading:
        """Measure the largest face of a picture; one that no head looks like is none, and every measure is finite."""
        boxes = self._finder.find(picture.pixels)
        if not boxes:
            return _no_face(picture)
        box = max(boxes, key=lambda found: found.area())
        points = self._finder.points(picture.pixels, box)
        try:
            pose, openness = estimate_pose(points), eye_openness(points)
        except NoFaceLikeThat:
            return _no_face(picture)  # whatever the finder took for one
        face = _crop(picture.pixels, box)
        light = measure_light(face)
        chip = align(picture.pixels, points)
        return FaceReading(
            faces=len(boxes),
            picture_width=picture.sent_width,
            picture_height=picture.sent_height,
            face_width=round(box.width() / picture.scale),
            sharpness=light.sharpness,
            brightness=light.brightness,
            contrast=light.contrast,
            yaw_deg=pose.yaw_deg,
            pitch_deg=pose.pitch_deg,
            roll_deg=pose.roll_deg,
            eye_openness=openness,
            mouth_covered=1 - certainty(lip_difference(picture.pixels, points), *_LIPS),
            eyes_covered=certainty(eyes_difference(picture.pixels, points), *_EYES),
            genuineness=1 - certainty(screen_pattern(face), *_SCREEN),
            template=self._embed(chip),
            sketch=sketch_of(chip),
        )

    def _embed(self, chip: Pixels) -> tuple[float, ...]:
        """The model's 128 numbers, scaled to length 1."""
        blue_first = np.ascontiguousarray(chip[:, :, ::-1])
        found = self._represent(blue_first, model_name=_MODEL, detector_backend="skip", l2_normalize=True)
        return tuple(float(part) for part in found[0]["embedding"])


def _crop(pixels: Pixels, box: dlib.rectangle) -> Pixels:
    height, width = pixels.shape[:2]
    top, left = min(max(box.top(), 0), height - 2), min(max(box.left(), 0), width - 2)
    return pixels[top : max(min(box.bottom(), height), top + 1), left : max(min(box.right(), width), left + 1)]


def _no_face(picture: Picture) -> FaceReading:
    return FaceReading(
        faces=0,
        picture_width=picture.sent_width,
        picture_height=picture.sent_height,
        face_width=0,
        sharpness=0,
        brightness=0,
        contrast=0,
        yaw_deg=0,
        pitch_deg=0,
        roll_deg=0,
        eye_openness=0,
        mouth_covered=0,
        eyes_covered=0,
        genuineness=0,
        template=(),
        sketch=(),
    )
