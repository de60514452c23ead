"""What clients read."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from typing import Annotated, Final, Literal, Self

import orjson
from evote_belenios.order import LARGEST_NUMBER
from evote_eventlog.events import OrderSignature
from pydantic import BaseModel, ConfigDict, Field

from .. import store
from ..domain import receipt as domain
from ..domain.history import ballots_left

_EXPONENT = {"type": "string", "pattern": "^(0|[1-9][0-9]*)$"}
CAST_SCHEMA: Final = {
    "type": "object",
    "additionalProperties": False,
    "required": ["ballot", "order"],
    "properties": {
        "ballot": {"type": "string", "description": "The ballot's exact JSON text."},
        "order": {
            "type": "object",
            "description": 'The order statement about it (libs/belenios, "Order of a voter\'s ballots").',
            "additionalProperties": False,
            "required": ["number", "signature"],
            "properties": {
                "number": {"type": "integer", "minimum": 1, "maximum": LARGEST_NUMBER},
                "signature": {
                    "type": "object",
                    "additionalProperties": False,
                    "required": ["challenge", "response"],
                    "properties": {"challenge": _EXPONENT, "response": _EXPONENT},
                },
            },
        },
    },
}
"""The JSON Schema of a cast."""


class Position(BaseModel):
    """Where a ballot's record stands in ``evote.ballots``."""

    partition: int
    offset: int


class Receipt(BaseModel):
    """Proof of acceptance: Ed25519 ``signature`` (base64) over the RFC 8785 canonical JSON of the other fields."""

    election_uuid: str
    tracker: str
    position: Position
    accepted_at: str
    signature: str


def receipt_json(receipt: domain.Receipt) -> bytes:
    """A :class:`Receipt`'s JSON, written by itself: each voter waits for one, and there is nothing to check."""
    stated = receipt.acceptance
    return orjson.dumps(
        {
            "election_uuid": stated.election_uuid,
            "tracker": stated.tracker,
            "position": {"partition": stated.partition, "offset": stated.offset},
            "accepted_at": stated.accepted_at,
            "signature": base64.b64encode(receipt.signature).decode(),
        }
    )


class ReceiptKey(BaseModel):
    """The key that receipts are verified with."""

    algorithm: Literal["Ed25519"]
    public_key: str
    """Base64 of the 32 bytes of RFC 8032."""


class AnchorOfBallot(BaseModel):
    """The first final anchor on a chain that covers the ballot."""

    chain: str
    """``ethereum`` or ``fabric``."""
    ledger: str
    """``eip155:<chain id>:<contract>`` or ``fabric:<channel>:<chaincode>``."""
    size: int
    """The size of the log at the anchored checkpoint."""
    transaction: str
    block: int


class Status(BaseModel):
    """How far a ballot is.

    ``accepted`` is durable, ``logged`` is covered by a signed checkpoint, ``witnessed`` by one that enough witnesses
    cosigned, ``anchored`` by one in a final block of a chain.
    """

    tracker: str
    state: Literal["accepted", "logged", "witnessed", "anchored"]
    position: Position | None = None
    """Told after the close alone: the partition follows from the credential."""
    accepted_at: str
    """To the minute."""
    log_index: int | None = None
    leaf_hash: str | None = None
    """Hexadecimal: which entry of the log it is, by this service's word. The log proves that it holds the entry; after
    the close everybody reads the entry itself. Missing where the release before took the ballot in."""
    checkpoint_size: int | None = None
    witnessed_size: int | None = None
    anchors: list[AnchorOfBallot] = []
    superseded_by: str | None = None
    """The tracker of the last logged ballot of the same credential, when that is another one. Told after the close
    alone; before, the credential's holder asks for their own ballots."""


class BoardLine(BaseModel):
    """A logged ballot."""

    log_index: int
    tracker: str
    superseded: bool | None = None
    """Whether a later ballot of the same credential stands; told after the close, and null before."""


class Board(BaseModel):
    """A page of the public board, in log order; ``next`` is the ``after`` of the next page."""

    items: list[BoardLine]
    next: int | None
    log_size: int


class TurnoutResponse(BaseModel):
    """Counts of ballots accepted and logged, of voters with a logged ballot, and of the roll."""

    accepted: int
    logged: int
    voters: int
    roll_size: int
    as_of: str
    """To the minute."""


class VotersUntil(BaseModel):
    """How many voters had a logged ballot by a full hour."""

    until: str
    voters: int


class TurnoutByHour(BaseModel):
    """The turnout over time: hours that have ended, in their order.

    An hour in which fewer than ten more voters came than in the row before is merged with what follows; what is left
    over at the end, with the last row.
    """

    items: list[VotersUntil]
    as_of: str
    """To the minute."""


class HolderChallenge(BaseModel):
    """What the holder of a credential signs, within five minutes (libs/belenios, "Holding a credential")."""

    challenge: str


class HolderProof(BaseModel):
    """A challenge, signed with the credential."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    credential: Annotated[str, Field(max_length=700, pattern=r"^[0-9a-f]+$")]
    """The public credential."""
    challenge: Annotated[str, Field(max_length=100)]
    signature: OrderSignature


class OwnBallot(BaseModel):
    """A ballot of the holder's."""

    tracker: str
    number: int
    record: str | None
    """The exact record, of which the log has the hash: ballot, order statement and time are in it. None: ask another
    replica, or after a replay; the release before projected it."""
    log_index: int | None
    superseded: bool


class OwnBallots(BaseModel):
    """Every ballot of the credential that was taken in, in their order."""

    last_number: int
    """0: none yet."""
    ballots_left: int
    """How many more are taken of this credential in this election."""
    items: list[OwnBallot]

    @classmethod
    def of(cls, ballots: Sequence[store.OwnBallot]) -> Self:
        """As clients read them: the last one supersedes the others."""
        return cls(
            last_number=ballots[-1].number if ballots else 0,
            ballots_left=ballots_left(len(ballots)),
            items=[
                OwnBallot(
                    tracker=ballot.tracker,
                    number=ballot.number,
                    record=ballot.record.decode() or None,
                    log_index=ballot.log_index,
                    superseded=ballot is not ballots[-1],
                )
                for ballot in ballots
            ],
        )
