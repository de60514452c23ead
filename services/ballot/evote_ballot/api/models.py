"""What clients read."""

from __future__ import annotations

import base64
from typing import Final, Literal, Self

from evote_belenios.order import LARGEST_NUMBER
from pydantic import BaseModel

from ..domain import receipt as domain

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

    @classmethod
    def of(cls, receipt: domain.Receipt) -> Self:
        """As clients read it."""
        stated = receipt.acceptance
        return cls(
            election_uuid=stated.election_uuid,
            tracker=stated.tracker,
            position=Position(partition=stated.partition, offset=stated.offset),
            accepted_at=stated.accepted_at,
            signature=base64.b64encode(receipt.signature).decode(),
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
    position: Position
    accepted_at: str
    log_index: int | None = None
    checkpoint_size: int | None = None
    witnessed_size: int | None = None
    anchors: list[AnchorOfBallot] = []
    superseded_by: str | None = None
    """The tracker of the last logged ballot of the same credential, when that is another one."""


class BoardLine(BaseModel):
    """A logged ballot."""

    log_index: int
    tracker: str
    superseded: bool


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
