"""Conditions and presentations, made from photographs: simulations, for want of photographs taken so."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from evote_biometric.engine.geometry import LEFT_EYE, RIGHT_EYE
from evote_biometric.engine.picture import Pixels
from evote_local.people.puppet import Gesture, Puppet

from .data import Sample

Change = Callable[[Sample], Pixels]


def _as_bytes(values: np.ndarray) -> Pixels:
    return np.asarray(np.clip(values, 0, 255), np.uint8)


def as_they_are(sample: Sample) -> Pixels:
    return sample.pixels


def dark(sample: Sample) -> Pixels:
    """A sixth of the light, and a sensor's noise."""
    noise = np.random.default_rng(1).normal(0, 4, sample.pixels.shape)
    return _as_bytes(sample.pixels / 6 + noise)


def blurred(sample: Sample) -> Pixels:
    """Out of focus by 3 % of the face's width."""
    return np.asarray(cv2.GaussianBlur(sample.pixels, (0, 0), 0.03 * float(np.ptp(sample.points[:, 0]))), np.uint8)


def _masked(colour: tuple[int, int, int]) -> Change:
    def change(sample: Sample) -> Pixels:
        outline = np.vstack([sample.points[2:15], sample.points[28:29]]).astype(np.int32)
        covered = np.zeros(sample.pixels.shape[:2], np.uint8)
        cv2.fillPoly(covered, [outline], 255)
        top, height = outline[:, 1].min(), max(int(np.ptp(outline[:, 1])), 1)
        shade = 1.1 - 0.35 * (np.arange(sample.pixels.shape[0])[:, None, None] - top) / height
        cloth = np.array(colour) * shade + np.random.default_rng(2).normal(0, 6, sample.pixels.shape)
        return np.where(covered[..., None] > 0, _as_bytes(cloth), sample.pixels)

    return change


masked_white, masked_blue, masked_black = _masked((235, 235, 235)), _masked((90, 130, 190)), _masked((35, 35, 38))


def sunglasses(sample: Sample) -> Pixels:
    pixels, eyes = sample.pixels.copy(), [sample.points[eye].mean(axis=0) for eye in (RIGHT_EYE, LEFT_EYE)]
    span = float(np.linalg.norm(eyes[0] - eyes[1]))
    for x, y in eyes:
        cv2.ellipse(
            pixels, (int(x), int(y + span * 0.1)), (int(span * 0.42), int(span * 0.34)), 0, 0, 360, (25, 25, 28), -1
        )
    return pixels


def turned(sample: Sample) -> Pixels:
    """Turned by 30 degrees more than the photograph, by a puppet."""
    return Puppet(sample.pixels, sample.points).frame(Gesture(yaw_deg=30))


CONDITIONS: dict[str, Change] = {
    "as they are": as_they_are,
    "dark": dark,
    "blurred": blurred,
    "masked, white": masked_white,
    "masked, blue": masked_blue,
    "masked, black": masked_black,
    "sunglasses": sunglasses,
    "turned 30°": turned,
}


def _screen(pitch: float, depth: float) -> Change:
    """A screen photographed: its grid of pixels, seen by the camera's, at one period in pixels of the picture."""

    def change(sample: Sample) -> Pixels:
        rows, columns = np.indices(sample.pixels.shape[:2])
        wave = 2 * np.pi / pitch
        grid = 1 + depth * np.sin(wave * (columns + 0.12 * rows)) + depth / 2 * np.sin(wave * (rows - 0.12 * columns))
        return _sent(_as_bytes(cv2.GaussianBlur(sample.pixels, (0, 0), 0.8) * grid[..., None]))

    return change


def print_on_paper(sample: Sample) -> Pixels:
    """A print photographed: softer, flatter, warmer, without any pattern."""
    soft = cv2.GaussianBlur(sample.pixels, (0, 0), 1.0)
    return _sent(_as_bytes(soft * np.array((0.85, 0.82, 0.76)) + 20))


def _sent(pixels: Pixels) -> Pixels:
    done, data = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, 85])
    assert done
    return np.asarray(cv2.imdecode(data, cv2.IMREAD_COLOR), np.uint8)


PRESENTATIONS: dict[str, Change] = {
    "screen, pattern of 3 pixels, strong (10 %)": _screen(3.0, 0.10),
    "screen, pattern of 3 pixels, weak (2 %)": _screen(3.0, 0.02),
    "screen, pattern of 6 pixels, strong (10 %)": _screen(6.0, 0.10),
    "screen, pattern of 6 pixels, weak (2 %)": _screen(6.0, 0.02),
    "screen, no visible pattern": _screen(3.0, 0.0),
    "print on paper": print_on_paper,
}
