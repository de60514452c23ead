"""What is shown on one platform that stands meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_local.stack.stack import Stack

from ...platforms import Shared

_SHARED = Shared(Path(__file__).parent)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with _SHARED.started(before_start=Stack.offer_phone) as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    _SHARED.end_before(nextitem)
