"""MediaPipe's face mesh: 468 points of a face, of which 68 are kept, in the order that the field has for so many.

The network is the MediaPipe authors' (Apache-2.0; ADR 11). How a face is cut out follows their pipeline: upright by its
eyes, square, with a margin; and then once more by the points that were found, as it does from frame to frame.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from evote_biometric.engine.geometry import Points
from evote_biometric.engine.picture import Pixels

_SIDE = 192
"""Of the picture that the network takes, in pixels."""
_MARGIN = 1.25
"""The picture's side, in sides of the square around the points. MediaPipe takes 1.5, for heads that move on; of a
tighter one closed eyes and a look upwards are read better (ADR 11)."""
_OUTER_RIGHT, _OUTER_LEFT = 33, 263
"""Corners of the eyes, in the mesh's numbers."""

_KEPT = np.array(
    [
        *(162, 234, 93, 58, 172, 136, 149, 148, 152, 377, 378, 365, 397, 288, 323, 454, 389),  # jaw, from the right ear
        *(71, 63, 105, 66, 107, 336, 296, 334, 293, 301),  # brows
        *(168, 197, 5, 4, 75, 97, 2, 326, 305),  # nose
        *(33, 160, 158, 133, 153, 144, 362, 385, 387, 263, 373, 380),  # eyes
        *(61, 39, 37, 0, 267, 269, 291, 405, 314, 17, 84, 181),  # outer lips
        *(78, 82, 13, 312, 308, 317, 14, 87),  # inner lips
    ]
)
"""Which of the mesh's points stand where the 68 of the iBUG annotation do."""


@dataclass(frozen=True)
class FaceSquare:
    """The part of a picture in which a face is."""

    centre: Points
    side: float
    """In pixels of the picture."""
    roll: float
    """In radians, clockwise: what turns the face upright again."""

    def upright(self) -> NDArray[np.float64]:
        """Columns of the network's picture to columns of the whole one: an affine map, two rows of three."""
        cosine, sine = np.cos(self.roll), np.sin(self.roll)
        turn = np.array([(cosine, -sine), (sine, cosine)]) * self.side / _SIDE
        return np.column_stack([turn, self.centre - turn @ (_SIDE / 2, _SIDE / 2)])


class FaceMesh:
    """The network."""

    def __init__(self, weights: Path) -> None:
        """``weights`` is the file in TensorFlow Lite's format."""
        self._network = cv2.dnn.readNetFromTFLite(str(weights))

    def find(self, pixels: Pixels, square: FaceSquare) -> Points:
        """The 68 points of the face that is about in ``square``."""
        kept: Points = self._points(pixels, _around(self._points(pixels, square)))[_KEPT]
        return kept

    def _points(self, pixels: Pixels, square: FaceSquare) -> Points:
        map_back = square.upright()
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        face = cv2.warpAffine(pixels, map_back, (_SIDE, _SIDE), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        self._network.setInput(cv2.dnn.blobFromImage(face, scalefactor=1 / 255))
        found: Points = np.asarray(self._network.forward(), np.float64).reshape(-1, 3)[:, :2]
        return np.asarray(found @ map_back[:, :2].T + map_back[:, 2])


def _around(points: Points) -> FaceSquare:
    """The square around all points, upright by the line between the eyes."""
    across = points[_OUTER_LEFT] - points[_OUTER_RIGHT]
    roll = float(np.arctan2(across[1], across[0]))
    turn = np.array([(np.cos(roll), -np.sin(roll)), (np.sin(roll), np.cos(roll))])
    upright = points @ turn
    least, most = upright.min(axis=0), upright.max(axis=0)
    return FaceSquare(centre=turn @ (least + most) / 2, side=float(max(most - least)) * _MARGIN, roll=roll)
