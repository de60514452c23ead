"""A whole platform for a test."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest
from evote_jpki.authority import TestAuthority
from evote_local.stack.stack import Stack
from evote_local.testbed import scratch
from evote_platform.clock import utc_now


@contextmanager
def running_stack(
    weights: Path | None = None, *, before_start: Callable[[Stack], object] = lambda _: None
) -> Iterator[Stack]:
    """Kafka, PostgreSQL and all services in a folder of their own; the face service too, with its models' weights.

    ``before_start`` may add to it. A service that ended by itself while the block ran is a failure, with the end of
    its log.
    """
    with tempfile.TemporaryDirectory(prefix="tsukuba-evote-test-", dir=scratch(), ignore_cleanup_errors=True) as name:
        authority = TestAuthority(utc_now, secrets.token_bytes)
        stack = Stack(Path(name), authority, announce=lambda _: None, weights=weights)
        before_start(stack)
        with stack as running:
            yield running
            for service in running.services:
                service.require_alive()


class Shared:
    """One platform for all tests of a folder, each of which holds an election of its own and breaks nothing.

    pytest knows no fixture of a folder's length, and a platform that nobody uses any more takes a third of a processor.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._opened = ExitStack()

    @contextmanager
    def started(
        self, weights: Path | None = None, *, before_start: Callable[[Stack], object] = lambda _: None
    ) -> Iterator[Stack]:
        """Start it; it runs until :meth:`end_before`, or the block ends, as it does when a run is cut short."""
        with self._opened:
            yield self._opened.enter_context(running_stack(weights, before_start=before_start))

    def end_before(self, following: pytest.Item | None) -> None:
        """Stop it unless the test that follows is one of the folder's."""
        if following is None or self._folder not in following.path.parents:
            self._opened.close()
