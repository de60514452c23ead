"""Command and response APDUs (ISO/IEC 7816-4): short and extended form."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

Transmit = Callable[[bytes], bytes]
"""Sends a command APDU to a card and returns its response APDU."""

SUCCESS = 0x9000
WRONG_LENGTH = 0x6700
INCOMPATIBLE_FILE = 0x6981
SECURITY_STATUS_NOT_SATISFIED = 0x6982
AUTHENTICATION_METHOD_BLOCKED = 0x6983
REFERENCE_DATA_NOT_USABLE = 0x6984
COMMAND_NOT_ALLOWED = 0x6986
FILE_NOT_FOUND = 0x6A82
INCORRECT_P1_P2 = 0x6A86
WRONG_OFFSET = 0x6B00
INSTRUCTION_NOT_SUPPORTED = 0x6D00
CLASS_NOT_SUPPORTED = 0x6E00
TRIES_LEFT = 0x63C0
"""The lowest four bits count the tries that are left."""


class MalformedApdu(Exception):
    """Bytes that are not an APDU; the message says where."""


@dataclass(frozen=True)
class Command:
    """A command: class, instruction, two parameters, data, and how many bytes are expected at most."""

    cla: int
    ins: int
    p1: int
    p2: int
    data: bytes = b""
    expected: int | None = None

    def encode(self) -> bytes:
        """The bytes of cases 1 to 4, in short form when that is long enough."""
        width = 1 if len(self.data) <= 0xFF and (self.expected or 0) <= 0x100 else 2
        marker = b"\0" if width == 2 else b""
        body = len(self.data).to_bytes(width, "big") + self.data if self.data else b""
        tail = b"" if self.expected is None else (self.expected % 256**width).to_bytes(width, "big")
        return bytes([self.cla, self.ins, self.p1, self.p2]) + marker + body + tail


@dataclass(frozen=True)
class Response:
    """A response: data and the status word."""

    data: bytes
    status: int

    def encode(self) -> bytes:
        """The bytes on the wire."""
        return self.data + self.status.to_bytes(2, "big")


def parse_command(raw: bytes) -> Command:
    """Read a command APDU; ``MalformedApdu`` for anything else."""
    if len(raw) < 4:
        raise MalformedApdu("a command has at least four bytes")
    cla, ins, p1, p2 = raw[:4]
    body = raw[4:]
    # A length is one byte or, behind a zero byte, two.
    width = 2 if len(body) >= 3 and body[0] == 0 else 1
    body = body[width - 1 :]
    if not body:
        return Command(cla, ins, p1, p2)
    if len(body) == width:
        return Command(cla, ins, p1, p2, expected=_expected(body))
    length = int.from_bytes(body[:width], "big")
    data, rest = body[width : width + length], body[width + length :]
    if length == 0 or len(data) != length or len(rest) not in (0, width):
        raise MalformedApdu("the length does not fit the data")
    return Command(cla, ins, p1, p2, data, _expected(rest) if rest else None)


def _expected(length: bytes) -> int:
    return int.from_bytes(length, "big") or 256 ** len(length)


def parse_response(raw: bytes) -> Response:
    """Read a response APDU; ``MalformedApdu`` when it has no status word."""
    if len(raw) < 2:
        raise MalformedApdu("a response ends with a status word of two bytes")
    return Response(raw[:-2], int.from_bytes(raw[-2:], "big"))
