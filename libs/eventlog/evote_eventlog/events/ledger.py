"""``evote.ledger``: the log's checkpoints, who vouched for them, on which chains they are, and tampering."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from .base import EventData, Sha256Hex, Topic

ChainName = Literal["ethereum", "fabric"]

TamperingKind = Literal[
    "entry-changed",
    "entry-dropped",
    "entries-reordered",
    "log-forked",
    "log-rolled-back",
    "anchor-unrequested",
    "chain-disagrees",
]
"""What a monitor can find; ``docs/runbooks/tampering.md`` says what to do about each."""


class LogEntry(BaseModel):
    """Where the record of one Merkle leaf stands in Kafka. Its index is implied by its place."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topic: str
    """A ``Topic`` value: without the deployment's prefix."""
    partition: int
    offset: int
    leaf_hash: Sha256Hex
    """RFC 9162 leaf hash, SHA-256(0x00 ‖ record value)."""


class LedgerEventData(EventData):
    """The ``data`` of an event about the log: it spans elections, so its key is the log's origin."""

    topic = Topic.LEDGER

    origin: str

    def partition_key(self) -> str:
        return self.origin

    def told_time(self, now: datetime) -> datetime:
        """Exact: these are no entries of the log and name no voter, and how fast the log is is measured by them."""
        return now


class CheckpointSigned(LedgerEventData):
    """The log grew from ``previous_size`` to ``size``; entry i has index ``previous_size`` + i."""

    previous_size: int
    size: int
    root: Sha256Hex
    note: str
    """The C2SP signed note (checkpoint) whose body states origin, size and root."""
    entries: tuple[LogEntry, ...]


class CheckpointWitnessed(LedgerEventData):
    """Enough witnesses cosigned the checkpoint of ``size`` for the log's witness policy."""

    size: int
    note: str
    """The signed note with the log's signature and the witnesses' cosignatures (C2SP tlog-cosignature)."""


class _AnchorEventData(LedgerEventData):
    chain: ChainName
    ledger: str
    """The anchor contract: a CAIP-10 account (``eip155:<chain id>:<address>``) or ``fabric:<channel>:<chaincode>``.
    (The word of version 1; the topic and its service are what ``ledger`` means everywhere else.)"""
    size: int
    root: Sha256Hex
    transaction: str
    """The chain's own id of the transaction, in hexadecimal (Ethereum's with ``0x``)."""
    block: int
    block_hash: str


class CheckpointAnchored(_AnchorEventData):
    """A block of the chain holds the checkpoint's origin, size and root; it may still be reorganised away."""

    block_time: str
    """The block's own time, RFC 3339 UTC."""
    anchorer: str
    """Who sent it, as the chain says: an address, or the id of an organisation's MSP."""


class AnchorVerified(_AnchorEventData):
    """The anchor was read again from the chain when its block was final."""


class TamperingDetected(LedgerEventData):
    """The log or a chain is not what it was, or two of them disagree."""

    finding: Sha256Hex
    """Identifies what was found: the same finding is raised once."""
    kind: TamperingKind
    where: Annotated[str, Field(min_length=1, max_length=500)]
    """The place: an index of the log, a record of a topic, a transaction of a chain."""
    expected: Annotated[str, Field(max_length=500)]
    found: Annotated[str, Field(max_length=500)]
    intact_at: str | None
    """When the same place was last found intact, RFC 3339 UTC; None: never looked at before."""
