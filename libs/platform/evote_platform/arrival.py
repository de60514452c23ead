"""When a request arrived at this machine, by the kernel's word.

A request waits before anybody here knows of it: for its connection to be accepted, for its bytes to be read, for the
event loop to come round. Who counts from the moment in which it was read would call a queue of half a minute none.
"""

from __future__ import annotations

import socket
import struct
import time
from typing import Final

from starlette.types import Scope

ARRIVED_SCOPE_KEY: Final = "evote.arrived"
"""Where the ASGI scope has the moment of ``time.monotonic`` in which the request's head was all there; once the body
has come, the moment of its last byte."""
WHOLE_SCOPE_KEY: Final = "evote.whole"
"""In the ASGI scope of a request of which everything has come, the body's last byte included."""
_SINCE_DATA_AT: Final = 52
"""Of ``tcpi_last_data_recv`` in Linux's ``struct tcp_info`` (``linux/tcp.h``): milliseconds since bytes came."""


def waited_s(connection: socket.socket | None) -> float:
    """For how long the newest bytes of a connection have been here, in seconds; 0 where the kernel doesn't say."""
    if connection is None:
        return 0.0
    try:
        told = connection.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _SINCE_DATA_AT + 4)
        milliseconds: int = struct.unpack_from("=I", told, _SINCE_DATA_AT)[0]
    except (OSError, struct.error):  # no TCP, or the connection is gone: it waits for nothing
        return 0.0
    return milliseconds / 1000


def arrived(scope: Scope) -> float:
    """When the request had arrived as far as it was read, by ``time.monotonic``; now, where no server has noted it."""
    at: float = scope.get(ARRIVED_SCOPE_KEY) or time.monotonic()
    return at
