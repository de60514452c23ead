"""What the models read, kept between runs: reading is a third of a second a picture, counting is nothing beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path

import evote_biometric
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.picture import Picture, Pixels
from evote_biometric.engine.weights import WEIGHTS

Read = Callable[[Picture], FaceReading]

_READ_BY = ("domain/reading.py", "engine/*.py")
_LIBRARIES = ("deepface", "dlib-bin", "numpy", "opencv-contrib-python-headless", "tensorflow-cpu")


def models_sha256() -> str:
    """Of all that a reading follows from besides the picture: weights, libraries, and the engine's own code."""
    package = Path(next(iter(evote_biometric.__path__)))
    parts = [weight.sha256 for weight in WEIGHTS]
    parts += [f"{library} {version(library)}" for library in _LIBRARIES]
    for pattern in _READ_BY:
        parts += [hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(package.glob(pattern))]
    return hashlib.sha256("\n".join(parts).encode()).hexdigest()


class KeptReadings:
    """Readings by their picture's hash, in a file of those models.

    A reading holds a template, by which a person can be told from others: the file is its owner's alone, and whoever
    evaluates residents' photographs deletes the folder with them.
    """

    def __init__(self, folder: Path, models: str, read: Read) -> None:
        """``models`` is :func:`models_sha256`; ``read`` is asked for what isn't kept."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._file = folder / f"{models}.jsonl"
        self._file.touch(mode=0o600)
        self._kept = dict(_kept(self._file))
        self._read = read

    def read(self, pixels: Pixels) -> FaceReading:
        """The reading of a picture, as the engine gives it."""
        picture = _sha256(pixels)
        found = self._kept.get(picture)
        if found is None:
            found = self._kept[picture] = self._read(Picture(pixels, pixels.shape[1], pixels.shape[0]))
            with self._file.open("a") as file:
                file.write(json.dumps({"picture": picture, "reading": asdict(found)}) + "\n")
        return found


def _kept(file: Path) -> Iterator[tuple[str, FaceReading]]:
    with file.open("r+b") as lines:
        whole = 0
        for line in lines:
            if not line.endswith(b"\n"):
                break
            whole += len(line)
            entry = json.loads(line)
            exact = {name: tuple(entry["reading"][name]) for name in ("template", "sketch")}
            yield entry["picture"], FaceReading(**entry["reading"] | exact)
        # A run that was ended while it wrote leaves half a line: that picture is read again.
        lines.truncate(whole)


def _sha256(pixels: Pixels) -> str:
    digest = hashlib.sha256(repr(pixels.shape).encode())
    digest.update(pixels.tobytes())
    return digest.hexdigest()
