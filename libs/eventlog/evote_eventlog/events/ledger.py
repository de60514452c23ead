"""``evote.ledger``: signed checkpoints and the total order they give to public events, by ledger-anchor."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

from .base import EventData, Sha256Hex, Topic


class LogEntry(BaseModel):
    """Where the record of one Merkle leaf stands in Kafka. Its index is implied by its place."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    topic: str
    """A ``Topic`` value: without the deployment's prefix."""
    partition: int
    offset: int
    leaf_hash: Sha256Hex
    """RFC 9162 leaf hash, SHA-256(0x00 ‖ record value)."""


class CheckpointSigned(EventData):
    """The log grew from ``previous_size`` to ``size``; entry i has index ``previous_size`` + i.

    The log spans elections, so its key is the log's origin and no election stands in it.
    """

    topic = Topic.LEDGER

    origin: str
    previous_size: int
    size: int
    root: Sha256Hex
    note: str
    """The C2SP signed note (checkpoint) whose body states origin, size and root."""
    entries: tuple[LogEntry, ...]

    def partition_key(self) -> str:
        return self.origin
