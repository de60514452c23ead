"""Masks, sunglasses and screens, drawn on a photograph: simulations, whose error rates are in docs/biometrics.md."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.geometry import LEFT_EYE, RIGHT_EYE, Points
from evote_biometric.engine.picture import Picture, Pixels

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def points(weights: Path, portrait: Picture) -> Points:
    finder = FaceFinder(weights)
    return finder.points(portrait.pixels, finder.find(portrait.pixels)[0])


def with_pixels(pixels: Pixels) -> Picture:
    return Picture(pixels, pixels.shape[1], pixels.shape[0])


def test_a_bare_face_is_neither_covered_nor_a_picture_of_a_screen(engine: FaceEngine, portrait: Picture) -> None:
    reading = engine.read(portrait)
    assert reading.mouth_covered < 0.5
    assert reading.eyes_covered < 0.5
    assert reading.genuineness > 0.5


@pytest.mark.parametrize("colour", [(235, 235, 235), (90, 130, 190)], ids=["white", "blue"])
def test_a_mask_covers_the_mouth(
    engine: FaceEngine, portrait: Picture, points: Points, colour: tuple[int, int, int]
) -> None:
    pixels = portrait.pixels.copy()
    cv2.fillPoly(pixels, [np.vstack([points[2:15], points[28:29]]).astype(np.int32)], colour)
    assert engine.read(with_pixels(pixels)).mouth_covered > 0.5


def test_sunglasses_cover_the_eyes(engine: FaceEngine, portrait: Picture, points: Points) -> None:
    pixels, eyes = portrait.pixels.copy(), [points[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    span = float(np.linalg.norm(eyes[0] - eyes[1]))
    for x, y in eyes:
        cv2.ellipse(
            pixels, (int(x), int(y + span * 0.1)), (int(span * 0.42), int(span * 0.34)), 0, 0, 360, (25, 25, 28), -1
        )
    assert engine.read(with_pixels(pixels)).eyes_covered > 0.5


def test_a_screen_whose_grid_shows_is_no_genuine_face(engine: FaceEngine, portrait: Picture) -> None:
    rows, columns = np.indices(portrait.pixels.shape[:2])
    grid = 1 + 0.1 * np.sin(2 * np.pi / 3 * (columns + 0.12 * rows))
    shown = np.clip(portrait.pixels * grid[..., None], 0, 255).astype(np.uint8)
    assert engine.read(with_pixels(shown)).genuineness < 0.5
