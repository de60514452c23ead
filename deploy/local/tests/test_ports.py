"""A port is one caller's from when it is given, and not only from when somebody listens there."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator

import pytest
from evote_local.nodes import ports
from evote_local.nodes.ports import free_port

_FEW = 40
_DRAWS = f"""
from evote_local.nodes import ports
ports._FIRST, ports._LAST = {{first}}, {{first}} + {_FEW - 1}
print(*(ports.free_port() for _ in range({_FEW // 4})), flush=True)
input()
"""
"""A process that takes a quarter of a few ports, and listens at none."""


@pytest.fixture
def few(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The first of so few ports that two processes would draw the same."""
    first = free_port() // _FEW * _FEW
    monkeypatch.setattr(ports, "_FIRST", first)
    monkeypatch.setattr(ports, "_LAST", first + _FEW - 1)
    yield first


def test_no_two_processes_are_given_one_port_while_nobody_listens_there(few: int) -> None:
    command = [sys.executable, "-c", _DRAWS.format(first=few)]
    with (
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as one,
        subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as other,
    ):
        told = [int(port) for process in (one, other) for port in (process.stdout or sys.stdin).readline().split()]
        own = [free_port() for _ in range(_FEW // 4)]
    assert len({*told, *own}) == 3 * (_FEW // 4)
