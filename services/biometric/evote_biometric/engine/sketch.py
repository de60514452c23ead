"""A face's sketch: so coarse that encoding, scaling and noise hardly change it."""

from __future__ import annotations

import cv2
import numpy as np

from evote_biometric.domain.copies import SKETCH_SIDE, SKETCH_STEPS, Sketch
from evote_biometric.engine.picture import Pixels

_BLUR = 1.0
"""In cells: a sketch that is shifted by a part of a cell can then be told from it by its slopes (``domain.copies``)."""


def sketch_of(chip: Pixels) -> Sketch:
    """Of the face as it is aligned for recognition: where it is in the picture, how large and how straight is gone."""
    luma = cv2.cvtColor(chip, cv2.COLOR_RGB2GRAY).astype(np.float32)
    cells = cv2.resize(luma, (SKETCH_SIDE, SKETCH_SIDE), interpolation=cv2.INTER_AREA)
    smooth = cv2.GaussianBlur(cells, (0, 0), _BLUR, borderType=cv2.BORDER_REPLICATE)
    # Steps finer than a level of luma: of an evenly lit face rounding would be the most of what differs.
    return tuple(int(step) for step in np.rint(smooth * SKETCH_STEPS).ravel())
