"""Reading an archive, as a stream."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO, NoReturn

from ..errors import ArchiveError, BeleniosError, NotSupported
from ..jsontext import Fields, load
from .events import (
    ArchivedEvent,
    CastBallot,
    Content,
    EndBallots,
    EventType,
    OwnedDecryption,
    PublishedResult,
    PublishedTally,
    Setup,
    check_order,
    event_text,
)
from .members import SECTION, MemberError, NotAnArchive, members, read_header
from .writer import ArchiveWriter

_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
_OF_OTHER_QUESTIONS = ("Shuffle", "EndShuffles")
_MOST_DATA = 5
"""What a Setup refers to; no event refers to more."""


def open_archive(path: Path) -> BufferedReader:
    """An archive's file, to be read as often as it takes: whoever opens the name again may get another file.

    Raises ``OSError``, and ``NotAnArchive`` for what is no regular file.
    """
    if path.exists() and not path.is_file():
        raise NotAnArchive("not a regular file")
    return path.open("rb")


class ArchiveReader:
    """Reads an archive's events one by one, so that memory doesn't grow with it.

    It begins at the file's beginning, wherever another reader has left off, and doesn't close it: one reader at a time.
    Raises ``OSError``, and ``NotAnArchive`` for any other file.
    """

    def __init__(self, file: BinaryIO) -> None:
        file.seek(0)
        self._file = file
        self.timestamp = read_header(file)

    def __iter__(self) -> Iterator[ArchivedEvent]:
        """The events, once.

        Raises ``ArchiveError`` at the first that is damaged. Rules: ``archive-member``, ``archive-truncated``;
        ``data-hash``, ``event-parent``, ``event-height``, ``event-payload`` (the chain); ``json``, ``schema``,
        ``event-canonical``, ``event-type`` (an event's text); ``event-order``. Raises ``NotSupported`` for events of
        questions that are not homomorphic.
        """
        last: ArchivedEvent | None = None
        data: list[tuple[str, str]] = []
        try:
            for member in members(self._file, self.timestamp):
                digest, _, suffix = member.name.partition(".")
                if suffix not in ("data.json", "event.json") or not _HASH.fullmatch(digest):
                    raise MemberError("archive-member", "a member is neither data nor an event")
                if hashlib.sha256(member.content).hexdigest() != digest:
                    raise MemberError("data-hash", "a member's name is not the hash of its content")
                text = _text(member.content)
                if suffix == "data.json":
                    data.append((digest, text))
                    if len(data) > _MOST_DATA:
                        raise MemberError("event-payload", "data that no event refers to")
                    continue
                last = _read_event(last, digest, text, data, member.end)
                data = []
                yield last
            if data:
                raise MemberError("event-payload", "the archive ends with data that no event refers to")
        except MemberError as error:
            index = last.index + 1 if last else 0
            raise ArchiveError(error.rule, SECTION, error.detail, index, None) from None


def read_ballots(path: Path) -> Iterator[str]:
    """The ballots' texts in the archive's order, superseded ones included; raises as :class:`ArchiveReader`."""
    with open_archive(path) as file:
        for event in ArchiveReader(file):
            if isinstance(event.content, CastBallot):
                yield event.content.text


@contextmanager
def append_to(path: Path) -> Iterator[ArchiveWriter]:
    """A writer that goes on where an archive ends; raises as :class:`ArchiveReader` when its chain doesn't hold."""
    last: ArchivedEvent | None = None
    with open_archive(path) as archive:
        events = ArchiveReader(archive)
        for event in events:
            last = event
    if last is None:
        raise ArchiveError("event-order", SECTION, "the archive has no Setup to go on from", 0, None)
    with path.open("ab") as file:
        writer = ArchiveWriter(file, timestamp=events.timestamp, last_event=last)
        yield writer
        writer.close()


def _read_event(
    last: ArchivedEvent | None, digest: str, text: str, data: list[tuple[str, str]], end: int
) -> ArchivedEvent:
    index = last.index + 1 if last else 0
    try:
        fields = Fields(load(text), "event")
        parent = fields.text("parent") if fields.has("parent") else None
        height, type_text = fields.integer("height"), fields.text("type")
        payload = fields.text("payload") if fields.has("payload") else None
        fields.end()
    except BeleniosError as error:
        raise MemberError(error.rule, error.detail) from None
    try:
        kind = EventType(type_text)
    except ValueError:
        if type_text in _OF_OTHER_QUESTIONS:
            detail = f"{type_text} belongs to questions that are not homomorphic"
            raise NotSupported("event-type", SECTION, detail) from None
        raise MemberError("event-type", f"there is no event {type_text[:40]!r}") from None

    def refuse(rule: str, detail: str) -> NoReturn:
        raise ArchiveError(rule, SECTION, detail, index, kind)

    if text != event_text(parent, height, kind, payload):
        refuse("event-canonical", "the event is not the compact text of its own content")
    if parent != (last.sha256 if last else None):
        refuse("event-parent", "the event's parent is not the event before it")
    if height != index:
        refuse("event-height", f"the height is {height}")
    check_order(last.type if last else None, kind, index)
    try:
        content = _content(kind, payload, data)
    except MemberError as error:
        refuse(error.rule, error.detail)
    except BeleniosError as error:
        refuse(error.rule, error.detail)
    return ArchivedEvent(index, kind, content, digest, end)


def _content(kind: EventType, payload: str | None, data: list[tuple[str, str]]) -> Content:
    """What an event refers to; the data before it must be just that, in the one order."""
    hashes, texts = [digest for digest, _ in data], [text for _, text in data]
    if kind is EventType.END_BALLOTS:
        _expect(hashes == [] and payload is None, "EndBallots refers to nothing")
        return EndBallots()
    _expect(payload is not None and hashes[-1:] == [payload], "the event's payload is not the data before it")
    referred = texts[-1]
    if kind is EventType.BALLOT:
        _expect(len(data) == 1, "data that the ballot's event doesn't refer to")
        return CastBallot(referred)
    if kind is EventType.RESULT:
        _expect(len(data) == 1, "data that the result's event doesn't refer to")
        return PublishedResult(referred)
    fields = Fields(load(referred), kind)
    if kind is EventType.SETUP:
        names = ["election", "trustees", "credentials"]
        names += ["credentials_certificate"] if fields.has("credentials_certificate") else []
        named = [fields.text(name) for name in names]
        fields.end()
        _expect(hashes[:-1] == named, "the setup refers to other data than those before it")
        return Setup(*texts[:-1])
    if kind is EventType.ENCRYPTED_TALLY:
        _expect(hashes[:-1] == [fields.text("encrypted_tally")], "the tally referred to is not before it")
        return PublishedTally(texts[0], referred)
    owner, owned = fields.integer("owner"), fields.text("payload")
    fields.end()
    _expect(hashes[:-1] == [owned], "the partial decryption referred to is not before it")
    return OwnedDecryption(owner, texts[0])


def _expect(condition: bool, otherwise: str) -> None:
    if not condition:
        raise MemberError("event-payload", otherwise)


def _text(content: bytes) -> str:
    try:
        return content.decode()
    except UnicodeDecodeError:
        raise MemberError("json", "a member is not UTF-8 text") from None
