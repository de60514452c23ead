"""What 68 landmarks say: where the head points, and whether the eyes are open."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""One row for each landmark: x to the right, y down, in pixels."""

RIGHT_EYE, LEFT_EYE = slice(36, 42), slice(42, 48)
"""The person's own right and left, in the order that the iBUG annotation gave 68 landmarks."""

_POSED = (30, 8, 36, 45, 48, 54)
_DISTANCE = 5.0
"""Of the camera, in sizes of the face."""
_HEAD = np.array(
    [  # an average adult head in millimetres, x to the picture's right, y down, z away from the camera
        (0.0, 0.0, 0.0),  # tip of the nose
        (0.0, 70.1, 17.7),  # chin
        (-43.6, -32.3, 30.6),  # outer corner of the right eye
        (43.6, -32.3, 30.6),  # outer corner of the left eye
        (-27.8, 31.4, 26.4),  # right corner of the mouth
        (27.8, 31.4, 26.4),  # left corner of the mouth
    ]
)
"""Three parts of the head that six landmarks are commonly fitted to, one of the mesh's canonical face: fitted to the
first, points of the mesh read a look upwards at half of what it is; fitted to the second, a turn (ADR 11)."""


class NoFaceLikeThat(Exception):
    """Landmarks of which no angle, or no eye's openness, can be told: they lie on one another, or are no numbers."""


@dataclass(frozen=True)
class Pose:
    """Where the head points, in degrees; see ``FaceReading`` for the signs."""

    yaw_deg: float
    pitch_deg: float
    roll_deg: float


def estimate_pose(points: Points) -> Pose:
    """The head's pose by a perspective fit of six landmarks.

    The camera is taken to look straight at the face from about an arm's length. What the real one's focal length and
    the face's place in the picture change is less than what they would add in noise, for nobody knows them.

    Raises:
        NoFaceLikeThat: there is no such fit.
    """
    centre, extent = points.mean(axis=0), float(np.ptp(points[:, 0]) + np.ptp(points[:, 1])) / 2
    camera = np.array([(_DISTANCE * extent, 0, centre[0]), (0, _DISTANCE * extent, centre[1]), (0, 0, 1)])
    seen = np.ascontiguousarray(points[list(_POSED)], dtype=np.float64)
    try:
        _, rotation, _ = cv2.solvePnP(_HEAD, seen, camera, np.zeros(4), flags=cv2.SOLVEPNP_SQPNP)
    except cv2.error:
        raise NoFaceLikeThat from None
    if not np.isfinite(rotation).all():
        raise NoFaceLikeThat
    matrix, _ = cv2.Rodrigues(rotation)
    forward, up = matrix @ (0, 0, -1), matrix @ (0, -1, 0)
    return Pose(
        # The person's left is the picture's right.
        yaw_deg=float(np.degrees(np.arctan2(forward[0], -forward[2]))),
        pitch_deg=float(np.degrees(np.arcsin(np.clip(-forward[1], -1, 1)))),
        roll_deg=float(np.degrees(np.arctan2(up[0], -up[1]))),
    )


def eye_openness(points: Points) -> float:
    """Eye aspect ratio (Soukupová and Čech, 2016): height over width, the mean of both eyes.

    Raises:
        NoFaceLikeThat: an eye has no width.
    """
    return (_aspect(points[RIGHT_EYE]) + _aspect(points[LEFT_EYE])) / 2


def _aspect(eye: Points) -> float:
    height, width = np.linalg.norm(eye[1] - eye[5]) + np.linalg.norm(eye[2] - eye[4]), np.linalg.norm(eye[0] - eye[3])
    if not (np.isfinite(height) and width > 0):
        raise NoFaceLikeThat
    return float(height / (2 * width))
