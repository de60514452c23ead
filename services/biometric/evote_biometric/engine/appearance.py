"""What the pixels around a face say: sharp, lit, covered, or the picture of a screen."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from evote_biometric.engine.geometry import LEFT_EYE, RIGHT_EYE, Points
from evote_biometric.engine.picture import Pixels

_FACE_SIDE = 200
"""Pixels to which a face is scaled before it is measured, so that figures of different cameras compare."""
_SPECTRUM_SIDE = 256


@dataclass(frozen=True)
class Light:
    """How a face is lit and focused; see ``FaceReading``."""

    sharpness: float
    brightness: float
    contrast: float


def measure_light(face: Pixels) -> Light:
    """Of the pixels of a face's box."""
    luma = cv2.resize(cv2.cvtColor(face, cv2.COLOR_RGB2GRAY), (_FACE_SIDE, _FACE_SIDE), interpolation=cv2.INTER_AREA)
    return Light(
        sharpness=float(cv2.Laplacian(luma, cv2.CV_64F).var()),
        brightness=float(luma.mean()),
        contrast=float(luma.std()),
    )


def lip_difference(pixels: Pixels, points: Points) -> float:
    """How far the lips are from the skin around them, in CIE Lab units: on a mask there are none."""
    around = [(points[33] + points[51]) / 2, (points[8] + points[57]) / 2, (points[4] + points[48]) / 2]
    return _difference(pixels, around, [points[62], points[57], points[51]], _eye_span(points))


def eyes_difference(pixels: Pixels, points: Points) -> float:
    """How far eyes and the skin under them are from that of nose and cheeks, in CIE Lab units."""
    span = _eye_span(points)
    skin = [points[30], (points[2] + points[48]) / 2, (points[14] + points[54]) / 2]
    upper = [
        _under_eye(points, RIGHT_EYE, span),
        _under_eye(points, LEFT_EYE, span),
        points[RIGHT_EYE].mean(axis=0),
        points[LEFT_EYE].mean(axis=0),
    ]
    return _difference(pixels, skin, upper, span)


def screen_pattern(face: Pixels) -> float:
    """How far the strongest regular pattern stands above its surroundings in the spectrum of a face.

    Skin and hair have smooth spectra; the grid of a screen's pixels, seen by another grid, adds sharp peaks (moiré).
    """
    luma = cv2.cvtColor(face, cv2.COLOR_RGB2GRAY)
    side = min(_SPECTRUM_SIDE, *luma.shape)
    top, left = (luma.shape[0] - side) // 2, (luma.shape[1] - side) // 2
    patch = luma[top : top + side, left : left + side].astype(np.float32)
    window = np.hanning(side).astype(np.float32)
    spectrum = np.abs(np.fft.fftshift(np.fft.fft2((patch - patch.mean()) * np.outer(window, window))))
    level = np.log(spectrum + 1.0).astype(np.float32)
    above = level - cv2.blur(level, (15, 15))
    rows, columns = np.indices(above.shape) - side // 2
    # Near the centre is the face itself; on the axes are edges, and JPEG's blocks of 8.
    kept = (np.hypot(rows, columns) > side * 0.12) & (np.abs(rows) > 2) & (np.abs(columns) > 2)
    peaks = np.sort(above[kept])
    return float(peaks[-6:].mean())


def certainty(value: float, middle: float, width: float) -> float:
    """0 to 1 over a measure: a half at ``middle``, 0.88 at one ``width`` more."""
    return float(1 / (1 + np.exp(-2 * (value - middle) / width)))


def _eye_span(points: Points) -> float:
    return float(np.linalg.norm(points[RIGHT_EYE].mean(axis=0) - points[LEFT_EYE].mean(axis=0)))


def _under_eye(points: Points, eye: slice, span: float) -> Points:
    down = points[8] - points[27]
    return np.asarray(points[eye].mean(axis=0) + down / np.linalg.norm(down) * span * 0.36)


def _difference(pixels: Pixels, skin: list[Points], other: list[Points], span: float) -> float:
    reference = np.median([_colour(pixels, spot, span) for spot in skin], axis=0)
    distances = [np.linalg.norm(_colour(pixels, spot, span) - reference) for spot in other]
    return float(np.median(distances))


def _colour(pixels: Pixels, spot: Points, span: float) -> NDArray[np.float64]:
    """Mean Lab colour of a small square, lightness at half weight: shadows change it, cloth changes hue."""
    half = max(int(span * 0.06), 1)
    x, y = (np.clip(spot, half, (pixels.shape[1] - half - 1, pixels.shape[0] - half - 1))).astype(int)
    square = pixels[y - half : y + half + 1, x - half : x + half + 1]
    lab = cv2.cvtColor((square / 255).astype(np.float32), cv2.COLOR_RGB2LAB).reshape(-1, 3).mean(axis=0)
    return np.asarray(lab * (0.5, 1, 1), dtype=np.float64)
