"""What a broker takes of memory from its start on is not what grows later."""

from __future__ import annotations

from pathlib import Path

import pytest
from evote_local.nodes.kafka import HEAP_MB, KafkaNode
from evote_local.nodes.processes import uses_of_children

pytestmark = pytest.mark.stack


def test_a_brokers_whole_heap_is_in_memory_when_it_has_started(tmp_path: Path) -> None:
    node = KafkaNode(tmp_path)
    node.start()
    try:
        [broker] = [use for use in uses_of_children() if use.pid == node.pid]
    finally:
        node.kill()
    outside_mb = 40  # classes, code and stacks take no less
    assert broker.memory_mb > HEAP_MB + outside_mb
