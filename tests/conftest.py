"""A running platform for the tests that need all of it."""

from __future__ import annotations

import secrets
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_jpki.authority import TestAuthority
from evote_local.stack import Stack
from evote_platform.clock import utc_now


@pytest.fixture(scope="module")
def stack() -> Iterator[Stack]:
    """Kafka, PostgreSQL and all services, for the tests of one module."""
    with tempfile.TemporaryDirectory(prefix="tsukuba-evote-test-", ignore_cleanup_errors=True) as name:
        authority = TestAuthority(utc_now, secrets.token_bytes)
        with Stack(Path(name), authority, announce=lambda _: None) as running:
            yield running
