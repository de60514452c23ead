"""An emulated card in a virtual reader: the card's end of the TCP protocol of vsmartcard's ``vpcd`` driver.

Every message is a length (two bytes, big-endian) and a payload. A payload of one byte is the reader's own: power off,
power on, reset, or the question for the ATR, which alone is answered. Any other payload is a command APDU.
Source: the virtual smart card architecture's documentation, "Creating a Virtual Smart Card".
"""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from types import TracebackType
from typing import Protocol, Self

ATR = bytes.fromhex("3B800181")
"""Answer to reset of a card without historical bytes, T=1."""

_POWER_OFF, _POWER_ON, _RESET, _GET_ATR = b"\x00", b"\x01", b"\x02", b"\x04"
_CONNECT_WITHIN_S = 60.0
_RETRY_S = 0.05


class Chip(Protocol):
    """What a card does behind its contacts."""

    def transmit(self, raw: bytes) -> bytes:
        """Answer a command APDU."""

    def reset(self) -> None:
        """Forget what was selected and verified."""


class _ReaderGone(Exception):
    """The connection ended, on whichever side."""


class InsertedCard:
    """A card that lies in the reader until :meth:`remove`; a context manager."""

    def __init__(self, chip: Chip, host: str, port: int) -> None:
        """Connect to the reader's slot; ``OSError`` when nobody listens there."""
        self._chip = chip
        self._slot = _connect(host, port)
        self._thread = threading.Thread(target=self._serve, name=f"card in slot {port}", daemon=True)
        self._thread.start()

    def remove(self) -> None:
        """Take the card out, also in the middle of a command; safe to repeat."""
        self._disconnect()
        self._thread.join()
        self._slot.close()

    def wait(self) -> None:
        """Return when the reader is gone, or has thrown the card out."""
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.remove()

    def _serve(self) -> None:
        try:
            with contextlib.suppress(_ReaderGone):
                while True:
                    self._take(self._receive())
        finally:
            # Also when the chip fails: a reader would wait for its answer for ever.
            self._disconnect()
            self._chip.reset()

    def _take(self, payload: bytes) -> None:
        if payload in (_POWER_OFF, _POWER_ON, _RESET):
            self._chip.reset()
        elif payload == _GET_ATR:
            self._send(ATR)
        else:
            self._send(self._chip.transmit(payload))

    def _send(self, answer: bytes) -> None:
        try:
            self._slot.sendall(len(answer).to_bytes(2, "big") + answer)
        except OSError as error:
            raise _ReaderGone from error

    def _receive(self) -> bytes:
        return self._exactly(int.from_bytes(self._exactly(2), "big"))

    def _exactly(self, size: int) -> bytes:
        content = bytearray()
        while len(content) < size:
            try:
                piece = self._slot.recv(size - len(content))
                # Debian's driver sends a length and its payload apart, and Nagle's algorithm keeps the payload until
                # the length is acknowledged. Acknowledged late, as kernels do, every APDU would take 40 ms.
                self._slot.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)
            except OSError as error:
                raise _ReaderGone from error
            if not piece:
                raise _ReaderGone
            content += piece
        return bytes(content)

    def _disconnect(self) -> None:
        with contextlib.suppress(OSError):  # the reader was faster
            self._slot.shutdown(socket.SHUT_RDWR)


def _connect(host: str, port: int) -> socket.socket:
    deadline = time.monotonic() + _CONNECT_WITHIN_S
    while True:
        try:
            connection = socket.create_connection((host, port), timeout=_CONNECT_WITHIN_S)
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(_RETRY_S)
        else:
            connection.settimeout(None)
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return connection
