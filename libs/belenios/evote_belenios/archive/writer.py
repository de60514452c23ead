"""Writing an archive."""

from __future__ import annotations

import hashlib
from typing import Protocol

from ..jsontext import dump
from .events import ArchivedEvent, EventType, check_order, event_text
from .members import header_member, member_bytes


class Writable(Protocol):
    """Where an archive is written to."""

    def write(self, data: bytes, /) -> object:
        """Take all of the bytes."""


class ArchiveWriter:
    """Writes events, each at once: what was written before is never touched again.

    The same calls give the same bytes, so an earlier archive of an election is the beginning of a later one. Methods
    raise ``ArchiveError`` (``event-order``) when the event can't come now. Whether the texts are right is for the
    caller to know.
    """

    def __init__(self, file: Writable, *, timestamp: int, last_event: ArchivedEvent | None = None) -> None:
        """``timestamp`` (Unix seconds) says when the election began; ``last_event`` is what ``file`` ends with."""
        self._file = file
        self._timestamp = timestamp
        self._last_type = last_event.type if last_event else None
        self._parent = last_event.sha256 if last_event else None
        self._height = last_event.index + 1 if last_event else 0
        self._closed = False

    def setup(self, election_json: str, trustees_json: str, credentials_json: str) -> None:
        """Begin the archive."""
        self._check(EventType.SETUP)
        self._file.write(header_member(self._timestamp))
        texts = (election_json, trustees_json, credentials_json)
        election, trustees, credentials = (self._data(text) for text in texts)
        payload = dump({"election": election, "trustees": trustees, "credentials": credentials})
        self._event(EventType.SETUP, self._data(payload))

    def ballot(self, text: str) -> None:
        """Add a ballot, counted or superseded."""
        self._check(EventType.BALLOT)
        self._event(EventType.BALLOT, self._data(text))

    def end_ballots(self) -> None:
        """No ballot comes after this."""
        self._check(EventType.END_BALLOTS)
        self._event(EventType.END_BALLOTS, None)

    def encrypted_tally(self, encrypted_tally_text: str, sized_text: str) -> None:
        """Add the tally, and the ``sized_encrypted_tally`` that refers to it."""
        self._check(EventType.ENCRYPTED_TALLY)
        self._data(encrypted_tally_text)
        self._event(EventType.ENCRYPTED_TALLY, self._data(sized_text))

    def partial_decryption(self, owner: int, text: str) -> None:
        """Add the partial decryption of the trustee of number ``owner`` (from 1)."""
        self._check(EventType.PARTIAL_DECRYPTION)
        payload = dump({"owner": owner, "payload": self._data(text)})
        self._event(EventType.PARTIAL_DECRYPTION, self._data(payload))

    def result(self, text: str) -> None:
        """Add the result: the last event there is."""
        self._check(EventType.RESULT)
        self._event(EventType.RESULT, self._data(text))

    def close(self) -> None:
        """Take no more events. Nothing is written: an archive has no trailer, so that it can grow."""
        self._closed = True

    def _check(self, kind: EventType) -> None:
        if self._closed:
            raise ValueError("the archive's writer is closed")
        check_order(self._last_type, kind, self._height)

    def _data(self, text: str) -> str:
        """Write a payload and return its hash."""
        content = text.encode()
        digest = hashlib.sha256(content).hexdigest()
        self._file.write(member_bytes(f"{digest}.data.json", content, self._timestamp))
        return digest

    def _event(self, kind: EventType, payload: str | None) -> None:
        content = event_text(self._parent, self._height, kind, payload).encode()
        digest = hashlib.sha256(content).hexdigest()
        self._file.write(member_bytes(f"{digest}.event.json", content, self._timestamp))
        self._last_type, self._parent, self._height = kind, digest, self._height + 1
