"""The members of an archive: an old-style tar file of which every byte follows from the contents.

belenios-tool writes each member's header in one way only, and refuses an archive that it would have written
differently. So do we: links, sparse files, long names and pax headers are not there to be interpreted, and two archives
of the same events are the same bytes. There is no trailer: what is appended follows the last member directly.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

from ..errors import ArchiveError, BeleniosError
from ..jsontext import MOST_CHARACTERS, Fields, dump, load, parse_natural

SECTION = "Public data"
_HEADER_NAME = "BELENIOS"
_VERSION = 1
_BLOCK = 512
_NAME_BYTES = 100
_SIZE = slice(124, 135)
_OCTAL_LIMIT = 8**11
_PART = 1 << 20
_EVENT_SUFFIX, _MOST_EVENT_BYTES = b".event.json", 4096


class NotAnArchive(ArchiveError):
    """The file does not begin as an archive does."""

    def __init__(self, detail: str) -> None:
        super().__init__("not-an-archive", SECTION, detail, 0, None)

    def __reduce__(self) -> tuple[type[BeleniosError], tuple[object, ...]]:  # type: ignore[override]
        return type(self), (self.detail,)


class MemberError(Exception):
    """A member is damaged; ``rule`` and ``detail`` say how. Which event it belongs to, the reader adds."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule
        self.detail = detail


@dataclass(frozen=True)
class Member:
    """A file of the archive; ``end`` is the offset behind it in bytes."""

    name: str
    content: bytes
    end: int


def member_bytes(name: str, content: bytes, timestamp: int) -> bytes:
    """A member as belenios-tool writes it; ``timestamp`` in Unix seconds is the same for all members of an archive."""
    padding = bytes(-len(content) % _BLOCK)
    return _header(name.encode("ascii"), len(content), timestamp) + content + padding


def header_member(timestamp: int) -> bytes:
    """The first member of an archive that began at ``timestamp`` (Unix seconds)."""
    # belenios-tool writes 64-bit numbers as strings.
    content = dump({"version": _VERSION, "timestamp": str(timestamp)})
    return member_bytes(_HEADER_NAME, content.encode(), timestamp)


def read_header(file: BinaryIO) -> int:
    """Read the first member; returns the archive's timestamp.

    Raises ``NotAnArchive`` when the file begins with anything else, or with another form of it.
    """
    block = file.read(_BLOCK)
    if block[: len(_HEADER_NAME) + 1] != _HEADER_NAME.encode() + b"\0" or len(block) != _BLOCK:
        raise NotAnArchive("the file does not begin with a member BELENIOS")
    try:
        content = _content(file, _octal(block[_SIZE]))
        fields = Fields(load(content.decode()), "header")
        version = fields.integer("version")
        timestamp = parse_natural(fields.text("timestamp"), "timestamp")
        fields.end()
        expected = header_member(timestamp)
    except (MemberError, BeleniosError, ValueError) as error:
        raise NotAnArchive(f"its header is unreadable: {error}") from None
    if version != _VERSION:
        raise NotAnArchive(f"archives of version {version} are not supported")
    file.seek(0)
    if file.read(len(expected)) != expected:
        raise NotAnArchive("its header is not written in its one form")
    return timestamp


def members(file: BinaryIO, timestamp: int) -> Iterator[Member]:
    """The members from the file's position to its end, one at a time.

    Raises ``MemberError``: ``archive-member`` for a header in any but its one form, ``archive-truncated``.
    """
    while block := file.read(_BLOCK):
        if len(block) != _BLOCK:
            raise MemberError("archive-truncated", "the archive ends within a member's header")
        raw_name = block[:_NAME_BYTES].partition(b"\0")[0]
        size = _octal(block[_SIZE])
        if block != _header(raw_name, size, timestamp):
            raise MemberError("archive-member", "a member's header is not the one that belongs to its content")
        if size > _MOST_EVENT_BYTES and raw_name.endswith(_EVENT_SUFFIX):
            raise MemberError("archive-member", f"an event is longer than {_MOST_EVENT_BYTES} bytes")
        content = _content(file, size)
        yield Member(raw_name.decode("ascii", "replace"), content, file.tell())


def _content(file: BinaryIO, size: int) -> bytes:
    # Before anything is allocated: a header can claim any size.
    if size > os.fstat(file.fileno()).st_size - file.tell():
        raise MemberError("archive-truncated", "the archive ends within a member")
    if size > MOST_CHARACTERS:
        raise MemberError("archive-member", f"a member is longer than {MOST_CHARACTERS} bytes")
    content = bytearray()
    while len(content) < size and (part := file.read(min(_PART, size - len(content)))):
        # No text has a NUL, and a file that is all holes is made of them: it is not read to its end.
        if 0 in part:
            raise MemberError("json", "a member holds NUL characters")
        content += part
    padding = file.read(-size % _BLOCK)
    if len(content) != size or len(padding) != -size % _BLOCK:
        raise MemberError("archive-truncated", "the archive ends within a member")
    if any(padding):
        raise MemberError("archive-member", "something is hidden behind a member's content")
    return bytes(content)


def _header(name: bytes, size: int, timestamp: int) -> bytes:
    if not 0 <= timestamp < _OCTAL_LIMIT:
        raise ValueError("the timestamp doesn't fit into a tar header")
    block = bytearray(_BLOCK)
    for start, value in (
        (0, name),
        (100, b"0000644"),
        (108, b"0000000"),
        (116, b"0000000"),
        (124, b"%011o" % size),
        (136, b"%011o" % timestamp),
        (148, b" " * 8),
        (156, b"0"),
    ):
        block[start : start + len(value)] = value
    block[148:156] = b"%06o\0 " % sum(block)
    return bytes(block)


def _octal(digits: bytes) -> int:
    if not all(digit in b"01234567" for digit in digits):
        raise MemberError("archive-member", "a member's size is not in octal digits")
    return int(digits, 8)
