"""Free TCP ports on the loopback interface."""

from __future__ import annotations

import random
import socket

LOOPBACK = "127.0.0.1"

# Below the kernel's ephemeral range (32768 up), so that no outgoing connection takes the port of a
# server while it is down, and no client that reconnects to it can end up connected to itself.
_FIRST, _LAST = 20_000, 32_000
_random = random.SystemRandom()


class NoFreePort(Exception):
    """No port of the range could be bound."""


def free_port() -> int:
    """A TCP port that nobody listens on at 127.0.0.1 and that stays bindable after a restart."""
    return free_ports(1)[0]


def free_ports(count: int) -> list[int]:
    """As :func:`free_port`, so many in a row."""
    for _ in range(500):
        first = _random.randint(_FIRST, _LAST)
        ports = list(range(first, first + count))
        if all(map(_is_free, ports)):
            return ports
    raise NoFreePort(f"no free TCP port between {_FIRST} and {_LAST} on {LOOPBACK}")


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
