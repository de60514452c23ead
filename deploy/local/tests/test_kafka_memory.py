"""What a broker takes of memory from its start on is not what grows later."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from evote_local.nodes.kafka import HEAP_MB, KafkaNode
from evote_local.nodes.processes import uses_of_children

pytestmark = pytest.mark.stack

_ARENA: Final = 64 << 20
"""What glibc sets aside for an arena beside the first, at a multiple of it; what isn't used yet can't be read."""
_LEFT_BY_A_COMPILER = """
import ctypes, pathlib

libc = ctypes.CDLL(None)
libc.malloc.argtypes, libc.malloc.restype, libc.free.argtypes = [ctypes.c_size_t], ctypes.c_void_p, [ctypes.c_void_p]

def own_kb():
    lines = pathlib.Path("/proc/self/smaps_rollup").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("Pss_Anon:"))

def piece():
    taken = libc.malloc(32 * 1024 - 40)
    ctypes.memset(taken, 1, 32 * 1024 - 40)
    libc.malloc(64)  # what stays in use, behind it
    return taken

before = own_kb()
for taken in [piece() for _ in range(1000)]:
    libc.free(taken)
print(own_kb() - before)
"""
"""Pieces as the JVM's compilers take them (``Chunk::size``, arena.hpp)."""


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Its process id."""
    node = KafkaNode(tmp_path_factory.mktemp("kafka"))
    node.start()
    try:
        assert node.pid is not None
        yield node.pid
    finally:
        node.kill()


def test_a_brokers_whole_heap_is_in_memory_when_it_has_started(broker: int) -> None:
    [use] = [use for use in uses_of_children() if use.pid == broker]
    outside_mb = 40  # classes, code and stacks take no less
    assert use.memory_mb > HEAP_MB + outside_mb


def test_a_brokers_threads_share_what_they_have_freed(broker: int) -> None:
    assert not list(_arenas(broker))


def test_what_a_brokers_compilers_have_freed_goes_back_though_something_lies_behind_it(broker: int) -> None:
    said = Path(f"/proc/{broker}/environ").read_bytes().split(b"\0")
    environment = dict(line.split(b"=", 1) for line in said if line)
    done = subprocess.run(
        [sys.executable, "-c", _LEFT_BY_A_COMPILER], env=environment, capture_output=True, text=True, check=True
    )
    assert int(done.stdout) < 4_000, "kB, of 32,000"


def _arenas(pid: int) -> Iterator[str]:
    maps = [line.split() for line in Path(f"/proc/{pid}/maps").read_text().splitlines()]
    spans = [(*(int(end, 16) for end in line[0].split("-")), line[1]) for line in maps]
    for (start, end, rights), (begin, behind, others) in pairwise(spans):
        if rights == "rw-p" and others == "---p" and start % _ARENA == 0 and (begin, behind) == (end, start + _ARENA):
            yield f"{start:x}"
