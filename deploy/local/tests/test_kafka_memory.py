"""What a broker takes of memory from its start on is not what grows later."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from evote_local.nodes.kafka import _BROKER_FLAGS, HEAP_MB, KafkaNode, _java
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


def test_the_java_that_runs_a_broker_gives_back_what_its_compilers_have_freed() -> None:
    """It is told to ignore what it doesn't know."""
    told = [_java(), *_BROKER_FLAGS, "-XX:+PrintFlagsFinal", "-version"]
    said = subprocess.run(told, capture_output=True, text=True, check=True).stdout
    (line,) = (line.split() for line in said.splitlines() if "TrimNativeHeapInterval" in line)
    assert line[1:4] == ["TrimNativeHeapInterval", "=", "30000"]
