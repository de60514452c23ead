"""The weight files of the models: which they are, how they get into place, and that they are the right ones.

``python -m evote_biometric.engine.weights DIR`` puts them there from the packages that ship them.
"""

from __future__ import annotations

import argparse
import hashlib
import shutil
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

_FOLDER = Path(".deepface/weights")  # deepface looks nowhere else


@dataclass(frozen=True)
class WeightFile:
    """One file of weights."""

    name: str
    sha256: str
    package: str
    """The Python package that ships it."""
    folder: str
    """Where in it."""


RECOGNITION = WeightFile(
    "dlib_face_recognition_resnet_model_v1.dat",
    "55533b28a95800a551ba546ba62fe69625c7e95a7061c338adffead08719da30",
    "face_recognition_models",
    "models",
)
MESH = WeightFile(
    "face_landmark.tflite",
    "c603fa6149219a3e9487dc9abd7a0c24474c77263273d24868378cdf40aa26d1",
    "evote_biometric",
    "engine",
)
"""Kept in this repository: bytes 2,495,952 to 3,737,848 of ``face_mesh_solution_packed_assets.data`` in npm's
``@mediapipe/face_mesh`` 0.4.1657299874. Copyright the MediaPipe authors, under Apache-2.0."""
WEIGHTS = (RECOGNITION, MESH)


class WeightsRefused(Exception):
    """The service can't start: a file of weights isn't what it must be."""

    def __init__(self, path: Path, fault: str) -> None:
        super().__init__(f"{path} {fault}: run `python -m evote_biometric.engine.weights DIR`")
        self.path = path


class WeightsMissing(WeightsRefused):
    """It isn't there."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "is missing")


class WeightsDifferent(WeightsRefused):
    """Its SHA-256 isn't the one that was measured and approved."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "differs from the approved weights")


def weight_path(directory: Path, weight: WeightFile) -> Path:
    """Where a file of weights lies under ``directory``, deepface's home."""
    return directory / _FOLDER / weight.name


def check_weights(directory: Path) -> None:
    """Read every file of weights and compare it with its SHA-256.

    Raises:
        WeightsMissing, WeightsDifferent: for the first one that is.
    """
    for weight in WEIGHTS:
        path = weight_path(directory, weight)
        try:
            with path.open("rb") as stream:
                digest = hashlib.file_digest(stream, "sha256").hexdigest()
        except FileNotFoundError:
            raise WeightsMissing(path) from None
        if digest != weight.sha256:
            raise WeightsDifferent(path)


def install_weights(directory: Path) -> None:
    """Copy the files of weights from their packages to ``directory``, and check them.

    A file appears by an atomic rename, so that an interrupted copy never looks complete.

    Raises:
        WeightsMissing, WeightsDifferent: the installed package ships another file.
    """
    for weight in WEIGHTS:
        target = weight_path(directory, weight)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_suffix(".partial")
        with _shipped(weight).open("rb") as shipped, partial.open("wb") as copy:
            shutil.copyfileobj(shipped, copy)
        partial.replace(target)
    check_weights(directory)


def _shipped(weight: WeightFile) -> Path:
    # Not by importing the package: one of them asks for setuptools.
    spec = find_spec(weight.package)
    if spec is None or spec.submodule_search_locations is None:
        raise WeightsMissing(Path(weight.package, weight.folder, weight.name))
    return Path(spec.submodule_search_locations[0], weight.folder, weight.name)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description="Put the models' weights into place and check them.")
    parser.add_argument("directory", type=Path, help="the service's EVOTE_WEIGHTS")
    install_weights(parser.parse_args().directory)


if __name__ == "__main__":
    main()
