"""What happens in an election, in which order, and what each event refers to (specification, "Public data")."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from ..errors import ArchiveError
from ..jsontext import Json, dump
from .members import SECTION


class EventType(StrEnum):
    """What happened. Shuffles belong to non-homomorphic questions, which are not supported."""

    SETUP = "Setup"
    BALLOT = "Ballot"
    END_BALLOTS = "EndBallots"
    ENCRYPTED_TALLY = "EncryptedTally"
    PARTIAL_DECRYPTION = "PartialDecryption"
    RESULT = "Result"


_MAY_FOLLOW: dict[EventType | None, frozenset[EventType]] = {
    None: frozenset({EventType.SETUP}),
    EventType.SETUP: frozenset({EventType.BALLOT, EventType.END_BALLOTS}),
    EventType.BALLOT: frozenset({EventType.BALLOT, EventType.END_BALLOTS}),
    EventType.END_BALLOTS: frozenset({EventType.ENCRYPTED_TALLY}),
    EventType.ENCRYPTED_TALLY: frozenset({EventType.PARTIAL_DECRYPTION}),
    EventType.PARTIAL_DECRYPTION: frozenset({EventType.PARTIAL_DECRYPTION, EventType.RESULT}),
    EventType.RESULT: frozenset(),
}


@dataclass(frozen=True)
class Setup:
    """The exact texts of an election."""

    election: str
    trustees: str
    credentials: str
    certificate: str | None = None
    """What the credential authority signed of the credentials (since 3.0)."""


@dataclass(frozen=True)
class CastBallot:
    """A ballot's exact text."""

    text: str


@dataclass(frozen=True)
class EndBallots:
    """No ballot comes after this."""


@dataclass(frozen=True)
class PublishedTally:
    """The ``encrypted_tally`` and the ``sized_encrypted_tally`` that refers to it."""

    encrypted_tally: str
    sized: str


@dataclass(frozen=True)
class OwnedDecryption:
    """A partial decryption, and the number of the trustee who made it."""

    owner: int
    text: str


@dataclass(frozen=True)
class PublishedResult:
    """The ``result`` structure's text."""

    text: str


Content = Setup | CastBallot | EndBallots | PublishedTally | OwnedDecryption | PublishedResult


@dataclass(frozen=True)
class ArchivedEvent:
    """An event with everything that it refers to."""

    index: int
    type: EventType
    content: Content
    sha256: str
    """Of the event's own text: the head of the chain up to here."""
    end: int
    """The offset behind the event in the file, in bytes."""


def check_order(last: EventType | None, kind: EventType, index: int) -> None:
    """Raise ``ArchiveError`` (``event-order``) unless an event of this kind can come at ``index``, after ``last``."""
    if kind not in _MAY_FOLLOW[last]:
        detail = f"{kind} can't follow {last}" if last else f"the archive begins with {kind}"
        raise ArchiveError("event-order", SECTION, detail, index, kind)


def event_text(parent: str | None, height: int, kind: EventType, payload: str | None) -> str:
    """The one text of an event; ``parent`` and ``payload`` are SHA-256 in hexadecimal."""
    before: dict[str, Json] = {} if parent is None else {"parent": parent}
    after: dict[str, Json] = {} if payload is None else {"payload": payload}
    return dump({**before, "height": height, "type": kind.value, **after})
