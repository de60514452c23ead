"""Services start in any order: docs/architecture.md, "Releases"."""

from __future__ import annotations

import httpx
import pytest
from evote_local.stack.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.slow]


def test_services_start_from_last_to_first_and_before_kafka(stack: Stack) -> None:
    for service in stack.services:
        service.stop()
    stack.kafka.kill()
    for service in reversed(stack.services):
        service.start()
    for service in stack.services:
        service.wait_alive()
        assert httpx.get(f"{service.url}/readyz").status_code == 503
    stack.kafka.start()
    for service in stack.services:
        service.wait_ready()
