"""A decoded picture: upright, RGB, without metadata."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

Pixels = NDArray[np.uint8]
"""Rows, columns, then red, green, blue."""


@dataclass(frozen=True)
class Picture:
    """What a resident sent, scaled down where it was large; it never prints its pixels."""

    pixels: Pixels = field(repr=False)
    sent_width: int
    sent_height: int
    """Of the upright picture as it was sent, in pixels."""

    @property
    def scale(self) -> float:
        """Pixels here for each pixel as it was sent, at most 1."""
        return float(self.pixels.shape[1] / self.sent_width)
