"""What is shown on one platform that stands meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_local.stack.stack import Stack

from ...platforms import Shared

_SHARED = Shared(Path(__file__).parent)


def _everything_that_may_be_there(stack: Stack) -> None:
    stack.offer_phone()
    stack.collect_traces()


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    with _SHARED.started(before_start=_everything_that_may_be_there) as running:
        yield running


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(nextitem: pytest.Item | None) -> None:
    _SHARED.end_before(nextitem)
