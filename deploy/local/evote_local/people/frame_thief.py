"""What whoever has a resident's frames does to them, so that they are other bytes: a *simulation* of an attack."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Final

import cv2
import numpy as np

from .puppet import Pixels

Change = Callable[[Pixels], Pixels]


def as_jpeg(pixels: Pixels, quality: int) -> Pixels:
    """What is left of a picture after a JPEG file."""
    _, content = cv2.imencode(".jpg", pixels, [cv2.IMWRITE_JPEG_QUALITY, quality])
    return np.asarray(cv2.imdecode(content, cv2.IMREAD_COLOR), np.uint8)


def _scaled(pixels: Pixels, factor: float) -> Pixels:
    return np.asarray(cv2.resize(pixels, None, fx=factor, fy=factor, interpolation=cv2.INTER_AREA), np.uint8)


def _cut(pixels: Pixels, share: float) -> Pixels:
    """From the top and the left."""
    height, width = pixels.shape[:2]
    return pixels[round(height * share) :, round(width * share) :]


def _lit(pixels: Pixels, factor: float) -> Pixels:
    return np.asarray(np.clip(pixels * factor, 0, 255), np.uint8)


CHANGES: Final[Mapping[str, Change]] = MappingProxyType(
    {
        "JPEG of quality 60": lambda pixels: as_jpeg(pixels, 60),
        "JPEG of quality 30": lambda pixels: as_jpeg(pixels, 30),
        "scaled to 80 %": lambda pixels: as_jpeg(_scaled(pixels, 0.8), 85),
        "cut by 2 %": lambda pixels: as_jpeg(_cut(pixels, 0.02), 85),
        "10 % brighter": lambda pixels: as_jpeg(_lit(pixels, 1.1), 85),
        "10 % darker": lambda pixels: as_jpeg(_lit(pixels, 0.9), 85),
        "cut, brighter, scaled, quality 60": lambda pixels: as_jpeg(_scaled(_lit(_cut(pixels, 0.02), 1.1), 0.8), 60),
    }
)
"""By what is done."""
