"""What the models read from one picture: all that the rules ever see of a face."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True)
class FaceReading:
    """Measurements of the largest face of a picture; it never prints its template."""

    faces: int
    """How many faces were found. With 0 everything below is zero, template and sketch empty."""
    picture_width: int
    picture_height: int
    """Of the upright picture, in pixels."""
    face_width: int
    """Of the face's box, in pixels of the picture as it was sent."""
    sharpness: float
    """Variance of the Laplacian over the face at a fixed size; below about 50 it looks blurred."""
    brightness: float
    """Mean luma of the face, 0 to 255."""
    contrast: float
    """Standard deviation of the face's luma."""
    yaw_deg: float
    """To the person's left is positive."""
    pitch_deg: float
    """Up is positive."""
    roll_deg: float
    """Towards the person's left shoulder is positive."""
    eye_openness: float
    """Eye aspect ratio, the mean of both eyes: about 0.3 open, below about 0.2 closed."""
    mouth_covered: float
    """0 to 1: how surely mouth and nose are covered, as by a mask."""
    eyes_covered: float
    """0 to 1: how surely the eyes are covered, as by sunglasses."""
    genuineness: float
    """0 to 1: how surely it is a face before the camera and not a picture of one (passive check)."""
    template: tuple[float, ...] = field(repr=False)
    """The embedding, of length 1 in the Euclidean norm."""
    sketch: tuple[int, ...] = field(repr=False)
    """The aligned face, coarse, by which a copy of the picture is known: see ``domain.copies``."""
