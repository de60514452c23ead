"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import fcntl
import os
import random
import socket
from functools import cache

from .cache import default_cache

LOOPBACK = "127.0.0.1"

# Below the kernel's ephemeral range (32768 up), so that no outgoing connection takes the port of a
# server while it is down, and no client that reconnects to it can end up connected to itself.
_FIRST, _LAST = 20_000, 32_000
_random = random.SystemRandom()
_taken: set[int] = set()
"""By this process, which need not have begun to listen."""


class NoFreePort(Exception):
    """No port of the range could be bound."""


def free_port() -> int:
    """A TCP port that nobody listens on at 127.0.0.1 and that stays bindable after a restart.

    It is the caller's for as long as this process runs, also before anybody listens: no other process is given it.
    """
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As :func:`free_port`, so many in a row."""
    for _ in range(500):
        first = _random.randint(_FIRST, _LAST)
        ports = list(range(first, first + count))
        if all(_is_free(port) and _take(port) for port in ports):
            return ports
    raise NoFreePort(f"no free TCP port between {_FIRST} and {_LAST} on {LOOPBACK}")


def _take(port: int) -> bool:
    """Whether this process is the first to want it."""
    if port in _taken:
        return False
    try:
        # Of the record with the port's number, until the process ends.
        fcntl.lockf(_taken_by_all(), fcntl.LOCK_EX | fcntl.LOCK_NB, 1, port)
    except OSError:
        return False
    _taken.add(port)
    return True


@cache
def _taken_by_all() -> int:
    """A file of this user's, of which each process locks a record for a port; closing it would give all back."""
    place = default_cache() / "ports"
    place.parent.mkdir(parents=True, exist_ok=True)
    return os.open(place, os.O_RDWR | os.O_CREAT, 0o600)


def _is_free(port: int) -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def is_listening(port: int, host: str = LOOPBACK) -> bool:
    """Whether a connection to the port is accepted at this address of the machine."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.settimeout(1)
        return probe.connect_ex((host, port)) == 0
