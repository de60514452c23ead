"""``evote.ballots``: whole encrypted ballots and the close marker, written by ballot."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from .base import ElectionEventData, Topic

Exponent = Annotated[str, Field(pattern=r"^(0|[1-9][0-9]*)$", max_length=78)]
"""A number modulo the order of the election's group, in decimal."""


class OrderSignature(BaseModel):
    """The credential's Schnorr signature over election, tracker and number (``libs/belenios``, "Order")."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    challenge: Exponent
    response: Exponent


class BallotOrder(BaseModel):
    """The voter's own word on which ballot came after which."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: Annotated[int, Field(ge=1, le=2**53 - 1)]
    """Above the number of the credential's ballot before."""
    signature: OrderSignature


class BallotAccepted(ElectionEventData):
    """A ballot passed every check. ``ballot`` is the voter's exact JSON text; what counts is derived."""

    topic = Topic.BALLOTS
    version = 2

    credential: str
    """The public credential that signed the ballot."""
    tracker: str
    """The smart ballot tracker: unpadded base64 of SHA-256 of ``ballot``."""
    ballot: str
    order: BallotOrder

    def partition_key(self) -> str:
        return self.credential

    def event_id(self) -> str:
        """The tracker: nothing in the record is unknown to the voter who has the receipt, so that the voter makes the
        record anew and finds its hash in the log, which shows no ballots before the close."""
        return self.tracker


class BallotBoxClosed(ElectionEventData):
    """The close marker, written to every partition: ballots of the election after it don't count."""

    topic = Topic.BALLOTS

    partition: int
    partitions: int
    """How many partitions the topic has, so that a reader knows when the box is closed everywhere."""
