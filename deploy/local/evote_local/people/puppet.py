"""A puppet: a *simulation* of a person before a camera, made from one photograph and its 68 landmarks.

Each pixel gets a depth from a coarse model of a head, the head is turned, and the pixels are drawn again from the far
ones to the near ones. Eyes close by squeezing their rows. It shows what rules and protocol do with a burst of frames;
it says nothing of how well real people are told from pictures of them. It is also an attack: an animated photograph.

On the fixture's portrait the engine reads up to about 30 degrees to either side for a ``yaw_deg`` of 25, 15 upwards for
a ``pitch_deg`` of 20, and an eye openness that falls from 0.22 to 0.09 for ``eyes_closed=1``. Beyond 30 it tears.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Rows, columns, then red, green, blue."""
Points = NDArray[np.float64]
"""68 landmarks in the order of the iBUG 300-W annotation: x to the right, y down, in pixels."""

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
"""The person's own right and left. The puppet stands for whoever is outside, so it knows nothing of the service."""


@dataclass(frozen=True)
class Gesture:
    """What the puppet does in one frame, relative to its photograph."""

    yaw_deg: float = 0.0
    """To its own left is positive, as in ``FaceReading``."""
    pitch_deg: float = 0.0
    """Up is positive."""
    eyes_closed: float = 0.0
    """0 as in the photograph, 1 shut."""
    aside: float = 0.0
    """How far the head is moved to the picture's right before what is behind it, in widths of the head."""
    lower: float = 0.0
    """How far down, in widths of the head."""


class Puppet:
    """One photograph that can move."""

    def __init__(self, pixels: Pixels, points: Points) -> None:
        """``points`` are the photograph's 68 landmarks; it should look straight ahead."""
        self._pixels = pixels
        self._points = points
        self._depth = _head_depth(pixels.shape[1], pixels.shape[0], points)

    def frame(self, gesture: Gesture) -> Pixels:
        """The picture of a gesture."""
        pixels = self._pixels.copy()
        if gesture.eyes_closed:
            for eye in (RIGHT_EYE, LEFT_EYE):
                pixels = _close(pixels, self._points[eye], gesture.eyes_closed)
        return _turned(pixels, self._depth, self._points, gesture)

    def burst(self, gestures: list[Gesture]) -> list[bytes]:
        """The gestures one after the other, each as a JPEG file."""
        return [encode(self.frame(gesture)) for gesture in gestures]


def encode(pixels: Pixels) -> bytes:
    """As a camera would send it: JPEG of quality 92."""
    done, data = cv2.imencode(".jpg", cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92])
    if not done:
        raise ValueError("OpenCV could not write the picture as JPEG")
    return data.tobytes()


def sweep(target: Gesture, frames: int) -> list[Gesture]:
    """From rest to ``target`` and back to rest, evenly, in an odd number of frames."""
    shares = 1 - np.abs(np.linspace(-1, 1, frames))
    return [
        Gesture(target.yaw_deg * share, target.pitch_deg * share, target.eyes_closed * share)
        for share in map(float, shares)
    ]


def _head_depth(width: int, height: int, points: Points) -> NDArray[np.float32]:
    """Towards the camera, in pixels: half an ellipsoid for the head, and a ridge for the nose."""
    centre = (points[0] + points[16]) / 2
    half_width = float(np.linalg.norm(points[16] - points[0])) / 2
    half_height = float(np.linalg.norm(points[8] - centre)) * 1.25
    columns, rows = np.meshgrid(np.arange(width), np.arange(height))
    across, along = (columns - centre[0]) / (half_width * 1.15), (rows - centre[1]) / half_height
    ball = np.sqrt(np.clip(1 - across**2 - along**2, 0, None)) * half_width * 0.95
    nose, size = points[30], half_width * 0.22
    ridge = np.exp(-((columns - nose[0]) ** 2) / (2 * size**2))
    rise = np.where(rows < nose[1], np.exp(-((rows - nose[1]) ** 2) / (2 * (size * 2.2) ** 2)), 0)
    fall = np.where(rows >= nose[1], np.exp(-((rows - nose[1]) ** 2) / (2 * (size * 0.7) ** 2)), 0)
    return np.asarray(ball + ridge * (rise + fall) * half_width * 0.35, np.float32)


def _turned(pixels: Pixels, depth: NDArray[np.float32], points: Points, gesture: Gesture) -> Pixels:
    """Where each pixel of the turned head comes from, found by walking back along the line of sight.

    Fixed-point iteration: the source's depth decides the shift, and the shift decides the source.
    """
    height, width = depth.shape
    columns, rows = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    centre = (points[0] + points[16]) / 2
    # Turning about an axis behind the ears: the background, at depth 0, stays.
    shift_x, shift_y = np.tan(np.radians(gesture.yaw_deg)), -np.tan(np.radians(gesture.pitch_deg))
    narrow_x, narrow_y = np.cos(np.radians(gesture.yaw_deg)), np.cos(np.radians(gesture.pitch_deg))
    head_width = float(np.linalg.norm(points[16] - points[0]))
    inside = np.clip(depth / max(float(depth.max()), 1.0) * 3, 0, 1)
    source_x, source_y = columns.copy(), rows.copy()
    for _ in range(12):
        near = cv2.remap(depth, source_x, source_y, cv2.INTER_LINEAR)
        head = cv2.remap(inside.astype(np.float32), source_x, source_y, cv2.INTER_LINEAR)
        wanted_x = columns - near * shift_x - head * (gesture.aside * head_width)
        wanted_y = rows - near * shift_y - head * (gesture.lower * head_width)
        wanted_x += head * (wanted_x - centre[0]) * (1 / narrow_x - 1) * 0.5
        wanted_y += head * (wanted_y - centre[1]) * (1 / narrow_y - 1) * 0.5
        source_x = (0.5 * source_x + 0.5 * wanted_x).astype(np.float32)
        source_y = (0.5 * source_y + 0.5 * wanted_y).astype(np.float32)
    return np.asarray(
        cv2.remap(pixels, source_x, source_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE), np.uint8
    )


def _close(pixels: Pixels, eye: Points, share: float) -> Pixels:
    """Lids over an eye: its rows are squeezed towards the lower lid, and the skin above is drawn down."""
    lower = float((eye[4][1] + eye[5][1]) / 2)
    upper = float((eye[1][1] + eye[2][1]) / 2)
    opening = max(lower - upper, 1.0)
    width = float(np.linalg.norm(eye[3] - eye[0]))
    middle = float(eye[:, 0].mean())
    height, columns_count = pixels.shape[:2]
    columns, rows = np.meshgrid(np.arange(columns_count, dtype=np.float32), np.arange(height, dtype=np.float32))
    weight = np.clip(1.35 - np.abs(columns - middle) / (width * 0.55), 0, 1) * share
    brow = upper - opening * 1.6
    # Above the lower lid, [brow, upper lid] is stretched over [brow, lower lid].
    inside = (rows > brow) & (rows < lower)
    squeezed = brow + (rows - brow) * (upper - opening * 0.15 - brow) / (lower - brow)
    source_rows = np.where(inside, rows + (squeezed - rows) * weight, rows).astype(np.float32)
    return np.asarray(cv2.remap(pixels, columns, source_rows, cv2.INTER_LINEAR), np.uint8)
