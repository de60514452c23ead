"""``evote.elections``: the election's life cycle, written by tally."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import ElectionEventData, OfficersCommand, Sha256Hex, Topic

TrusteeKey = Annotated[str, Field(pattern=r"^ed25519:[A-Za-z0-9_-]{43}:[0-9a-f]{8}$")]
"""A key's line (``evote_statements.keys``)."""

GroupName = Literal["Ed25519", "BELENIOS-2048"]


class DraftQuestion(BaseModel):
    """A homomorphic question as the officer drafts it (specification, "Questions")."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    question: Annotated[str, Field(min_length=1, max_length=2000)]
    answers: Annotated[
        tuple[Annotated[str, Field(min_length=1, max_length=500)], ...], Field(min_length=1, max_length=100)
    ]
    blank: bool
    min: Annotated[int, Field(ge=0)]
    max: Annotated[int, Field(ge=1)]


class DraftTrustee(BaseModel):
    """A trustee, and the key that they handed to the officer: what they say is signed with it."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Annotated[str, Field(min_length=1, max_length=200)]
    key: TrusteeKey


class ElectionDrafted(ElectionEventData):
    """An officer wrote the election down: questions, window, group, trustees and threshold."""

    topic = Topic.ELECTIONS
    version = 2

    name: str
    description: str
    group: GroupName
    administrator: str
    questions: tuple[DraftQuestion, ...]
    trustees: tuple[DraftTrustee, ...]
    threshold: int
    opens_at: str
    """RFC 3339 UTC; ballots before this instant are refused."""
    closes_at: str
    """RFC 3339 UTC; tally closes the election by itself at this instant."""
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed."""


class RollFrozen(ElectionEventData):
    """The roll can't change any more: its size equals the number of public credentials."""

    topic = Topic.ELECTIONS

    roll_size: int
    credentials_sha256: Sha256Hex
    """SHA-256 of the ``public_creds.json`` text: the JSON array of all public credentials, sorted."""
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed."""


class ElectionAbandoned(ElectionEventData):
    """The officers give up an election that was never opened: it stays as it is, and is never opened."""

    topic = Topic.ELECTIONS
    since = 2

    command: OfficersCommand | None = None
    """What the officers signed."""


class ElectionOpened(ElectionEventData):
    """Preflight passed and the election is fixed: from here its JSON never changes."""

    topic = Topic.ELECTIONS

    election_json: str
    """The exact ``election.json`` text; its SHA-256 is the election's fingerprint."""
    trustees_json: str
    """The exact ``trustees.json`` text."""
    credentials_sha256: Sha256Hex
    opens_at: str
    closes_at: str
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed."""


class ElectionClosed(ElectionEventData):
    """No ballot is taken any more; what stands before each partition's BallotBoxClosed counts."""

    topic = Topic.ELECTIONS

    reason: Literal["closing-time", "officer"]
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed, and at the closing time."""


class ResultCertified(ElectionEventData):
    """The officers certify the result that stands at the end of the archive."""

    topic = Topic.ELECTIONS

    archive_sha256: Sha256Hex
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed."""
