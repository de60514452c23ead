"""How alike two templates are, and how a template is made revocable."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import lru_cache
from statistics import median

import numpy as np
from numpy.typing import NDArray

Template = tuple[float, ...]
"""An embedding of length 1 in the Euclidean norm."""


def distance(one: Template, other: Template) -> float:
    """Cosine distance, 0 (the same direction) to 2.

    Raises:
        ValueError: the templates come from different models.
    """
    if len(one) != len(other) or not one:
        raise ValueError("templates of different lengths")
    return float(1.0 - np.dot(np.asarray(one), np.asarray(other)))


def is_enrolled_face(probes: Sequence[Template], enrolled: Template, threshold: float) -> bool:
    """Whether the median distance of the probes to the enrolled template is below the threshold.

    The median: one lucky frame doesn't let anybody in, one unlucky frame keeps nobody out.
    """
    return bool(probes) and median(distance(probe, enrolled) for probe in probes) < threshold


def transform(template: Template, seed: bytes) -> Template:
    """The template turned by the orthogonal matrix of a secret seed: distances stay, coordinates say nothing."""
    turned = _matrix(seed, len(template)) @ np.asarray(template)
    return tuple(float(value) for value in turned)


def transform_back(template: Template, seed: bytes) -> Template:
    """The inverse of :func:`transform`."""
    turned = _matrix(seed, len(template)).T @ np.asarray(template)
    return tuple(float(value) for value in turned)


@lru_cache(maxsize=64)
def _matrix(seed: bytes, size: int) -> NDArray[np.float64]:
    """A Haar-distributed orthogonal matrix: QR of Gaussian numbers with a positive diagonal (Mezzadri 2007).

    The numbers come from SHAKE-256 and not from numpy's generators, whose streams may change between its versions.
    """
    words = np.frombuffer(hashlib.shake_256(seed).digest(16 * size * size), dtype="<u8")
    uniform = (words.astype(np.float64) + 0.5) / 2.0**64
    first, second = uniform[: size * size], uniform[size * size :]
    gaussian = np.sqrt(-2.0 * np.log(first)) * np.cos(2.0 * np.pi * second)
    orthogonal, triangular = np.linalg.qr(gaussian.reshape(size, size))
    return np.asarray(orthogonal * np.sign(np.diag(triangular)))
