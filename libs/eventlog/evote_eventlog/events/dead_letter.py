"""``evote.dead-letter``: records that a consumer could not apply, written by the consumer that met them."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import EventData, Sha256Hex, Topic


class DeadLetter(EventData):
    """A consumer met a record that no retry can help, noted it here and went on with the next one.

    The record itself stays where it stands. A consumer that dies between this note and its own commit
    writes the note again, so readers key by ``consumer`` and position.
    """

    topic = Topic.DEAD_LETTER

    original_topic: str
    """A ``Topic`` value: without the deployment's prefix."""
    original_partition: int
    original_offset: int
    consumer: str
    """The projection that refused the record."""
    reason: str
    """The rule that failed; never a value of the record."""
    value_base64: Annotated[str, Field(max_length=1024 * 1024)]
    """The start of the record's value (768 KiB at most), base64."""
    value_sha256: Sha256Hex
    """SHA-256 of the whole value."""

    def partition_key(self) -> str:
        return f"{self.original_topic}/{self.original_partition}"
