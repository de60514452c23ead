"""What is shown on one platform with the face service, which takes a minute to start, and a gigabyte."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_biometric.engine.weights import install_weights
from evote_local.stack.stack import Stack

from ...platforms import Shared

_SHARED = Shared(Path(__file__).parent)


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The face models' weights."""
    directory = tmp_path_factory.mktemp("weights")
    install_weights(directory)
    return directory


@pytest.fixture(scope="session")
def stack(weights: Path) -> Iterator[Stack]:
    with _SHARED.started(weights, before_start=Stack.offer_phone) as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    _SHARED.end_before(nextitem)
