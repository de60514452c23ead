"""What one client's connection may cost: how many there are, how large a request's head is, and how long it takes.

uvicorn bounds none of it: a connection that says nothing, or one byte a minute, would be kept for ever.
"""

from __future__ import annotations

import asyncio
import socket
import time
from typing import Final

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from .arrival import ARRIVED_SCOPE_KEY, WHOLE_SCOPE_KEY, waited_s
from .disconnect import LEAVING_SCOPE_KEY, Leaving
from .door import Appointments
from .problems import OVERLOADED, PROBLEM_MEDIA_TYPE, Problem

MOST_HEAD_BYTES: Final = 32 * 1024
"""The largest head: a command with the statements of all who sign it takes a few thousand bytes."""
HEAD_WITHIN_S = 10.0
"""How long a head may take from its first byte, or from the connection's beginning, in seconds."""


def bounded_connections(most: int, management_port: int | None) -> type[HttpToolsProtocol]:
    """uvicorn's protocol, for at most so many connections at once; further ones are told to come back, and closed.

    Those to the management port always have room: whoever floods the other one must not make a replica look dead.
    """

    appointments = Appointments()

    class BoundedConnection(HttpToolsProtocol):
        _late: asyncio.TimerHandle | None = None
        """Runs while a head is waited for, that of the first request or one that the client has begun."""
        _waited_bytes = 0
        _head_bytes = 0
        _in_body = False
        _socket: socket.socket | None = None
        _came_at: float | None = None
        """When the newest bytes came, once the kernel has told it."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._socket = transport.get_extra_info("socket")  # uvloop makes one each time that it is asked
            self._leaving = Leaving()
            self._expect_head()
            if len(self.connections) > most and (self.server is None or self.server[1] != management_port):
                self._refuse(*_no_room(appointments.next_s(0.0)))

        def connection_lost(self, exc: Exception | None) -> None:
            self._stop_waiting()
            super().connection_lost(exc)
            self._leaving.leave()

        def data_received(self, data: bytes) -> None:
            if self.transport.is_closing():
                return
            if self._late is None and self.cycle is not None and self.cycle.response_complete:
                # The next head, the rest of a body that nobody reads, or line ends that keep the connection awake.
                self._expect_head()
            self._came_at = None
            super().data_received(data)
            if self._late is not None and not self._in_body:
                self._waited_bytes += len(data)
                if self._waited_bytes > MOST_HEAD_BYTES:
                    self._refuse(b"431 Request Header Fields Too Large")

        def on_message_begin(self) -> None:
            self._head_bytes = 0
            super().on_message_begin()

        def on_url(self, url: bytes) -> None:
            self._count_head(len(url))
            super().on_url(url)

        def on_header(self, name: bytes, value: bytes) -> None:
            self._count_head(len(name) + len(value))
            super().on_header(name, value)

        def on_headers_complete(self) -> None:
            self._stop_waiting()
            self._in_body = True
            self.scope[LEAVING_SCOPE_KEY] = self._leaving  # type: ignore[typeddict-unknown-key]
            self._note_arrival()
            super().on_headers_complete()

        def on_message_complete(self) -> None:
            self._in_body = False
            # What a slow line takes for a body is nobody's queue.
            self._note_arrival()
            self.scope[WHOLE_SCOPE_KEY] = True  # type: ignore[typeddict-unknown-key]
            super().on_message_complete()

        def _note_arrival(self) -> None:
            if self._came_at is None:  # a head and its body mostly come together
                self._came_at = time.monotonic() - waited_s(self._socket)
            self.scope[ARRIVED_SCOPE_KEY] = self._came_at  # type: ignore[typeddict-unknown-key]

        def send_400_response(self, msg: str) -> None:
            if self._head_bytes > MOST_HEAD_BYTES:
                self._refuse(b"431 Request Header Fields Too Large")
            else:
                super().send_400_response(msg)

        def _count_head(self, size: int) -> None:
            self._head_bytes += size
            if self._head_bytes > MOST_HEAD_BYTES:
                raise httptools.HttpParserError("the head is too large")

        def _expect_head(self) -> None:
            self._late = self.loop.call_later(HEAD_WITHIN_S, self._refuse, b"408 Request Timeout")

        def _stop_waiting(self) -> None:
            self._waited_bytes = 0
            if self._late is not None:
                self._late.cancel()
                self._late = None

        def _refuse(self, status: bytes, body: bytes = b"") -> None:
            self._stop_waiting()
            if not self.transport.is_closing():
                closing = b"\r\ncontent-length: %d\r\nconnection: close\r\n\r\n" % len(body)
                self.transport.write(b"HTTP/1.1 " + status + closing + body)
                self.transport.close()

    return BoundedConnection


def _no_room(retry_after_s: float) -> tuple[bytes, bytes]:
    """The status line's end with the first headers, and the body."""
    problem = Problem(OVERLOADED, retry_after_s=retry_after_s)
    head = f"503 Service Unavailable\r\ncontent-type: {PROBLEM_MEDIA_TYPE}\r\n"
    return f"{head}retry-after: {problem.headers['Retry-After']}".encode(), bytes(problem.response().body)
