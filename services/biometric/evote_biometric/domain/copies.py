"""Whether a burst is made of frames that were sent before: encoded anew, scaled, cut, brightened, in any order.

Of two frames of a still person this can't be told, so it is asked of a whole burst, against what the voter sent in
*earlier* ones: who turns, looks up and blinks again, as far and as fast as it comes, doesn't pass the same moments
twice.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

SKETCH_SIDE: Final = 32
SKETCH_STEPS: Final = 256
"""Steps of a sketch in one level of luma."""

Sketch = tuple[int, ...]
"""An aligned face's luma, ``SKETCH_SIDE`` rows of as many cells, in steps of 1/``SKETCH_STEPS`` level."""

COPIED: Final = 0.004
"""Distance below which a frame counts as a copy; figures: docs/biometrics/copies.md."""
COPIED_SHARE: Final = 2 / 3
"""Of a burst's frames. Who sits as still as a picture is at rest in about half of them."""

_EDGE: Final = 2
"""Cells that aren't compared at each side: what a small shift brings in or takes out."""
_Matrix = NDArray[np.float64]


def is_copied(burst: Sequence[Sketch], earlier: Sequence[Sketch]) -> bool:
    """Whether two thirds of a burst's frames are copies of frames in ``earlier``, in whatever order.

    Of any earlier bursts together, so that a burst that is put together from several is found too.
    """
    if not burst or not earlier:
        return False
    return sum(gap < COPIED for gap in nearest(burst, earlier)) >= len(burst) * COPIED_SHARE


def nearest(burst: Sequence[Sketch], earlier: Sequence[Sketch]) -> list[float]:
    """For each frame, its distance to the nearest of the earlier ones: 0 (it can be made of it) to 1.

    The distance is the share of the earlier face's edges that no small shift, turn, scaling, contrast and brightness of
    the newer one explain (a tangent distance: Simard, LeCun and Denker, 1993). In a copy landmarks are found anew, and
    faces aligned by them, a pixel or two beside.
    """
    edges = _edges(_pictures(earlier))
    known = edges / np.maximum(np.linalg.norm(edges, axis=1, keepdims=True), 1e-9)
    return [float(1 - ((known @ _changes(picture)) ** 2).sum(axis=1).max()) for picture in _pictures(burst)]


def _changes(picture: _Matrix) -> _Matrix:
    """An orthonormal basis of what a picture's edges become by small changes of it."""
    down, across = np.gradient(picture)
    moved = [picture, across, down, across * _X + down * _Y, across * _Y - down * _X]
    basis, _ = np.linalg.qr(_edges(np.stack(moved)).T)
    return np.asarray(basis)


def _edges(pictures: _Matrix) -> _Matrix:
    """One row for each picture: the differences of neighbouring cells, which no even brightness changes."""
    inner = pictures[:, _EDGE:-_EDGE, _EDGE:-_EDGE]
    across, down = np.diff(inner, axis=2), np.diff(inner, axis=1)
    return np.concatenate([across.reshape(len(inner), -1), down.reshape(len(inner), -1)], axis=1)


def _pictures(sketches: Sequence[Sketch]) -> _Matrix:
    return np.asarray(sketches, dtype=np.float64).reshape(-1, SKETCH_SIDE, SKETCH_SIDE)


_Y, _X = np.meshgrid(*(np.linspace(-0.5, 0.5, SKETCH_SIDE),) * 2, indexing="ij")
