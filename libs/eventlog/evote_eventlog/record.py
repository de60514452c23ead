"""Records as they stand in Kafka: an event with its position, and consecutive ones as a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from .envelope import Envelope, decode, topic_of
from .errors import PoisonError, UnknownEvent
from .events import Topic


class LogPartition(NamedTuple):
    """A partition of the log."""

    topic: Topic
    partition: int


class RecordPosition(NamedTuple):
    """Where a record stands in the log; ordered within a partition by ``offset``."""

    topic: Topic
    partition: int
    offset: int

    def __str__(self) -> str:
        return f"{self.topic.value}/{self.partition} offset {self.offset}"


@dataclass(frozen=True)
class Record:
    """An event in its place. ``value`` is the exact bytes in Kafka.

    Kafka's key, headers and timestamp of a record are never looked at: whoever writes sets them, and nothing vouches
    for them.
    """

    position: RecordPosition
    envelope: Envelope
    value: bytes


@dataclass(frozen=True)
class PoisonRecord:
    """A record that no release can read, or that breaks a rule of a projection, and the reason."""

    position: RecordPosition
    value: bytes
    reason: str


@dataclass(frozen=True)
class Batch:
    """Consecutive records of one partition: all that there are from ``start`` up to ``end`` (exclusive).

    Offsets without a record belong to transaction markers and aborted transactions.
    """

    partition: LogPartition
    start: int
    end: int
    records: Sequence[Record | PoisonRecord]


def read_record(position: RecordPosition, value: bytes | None) -> Record | PoisonRecord:
    """Decode a record's value; one that is no event of its topic becomes a :class:`PoisonRecord`.

    Raises:
        UnknownEvent: an event of a newer release.
    """
    try:
        envelope = decode(value)
    except PoisonError as poison:
        return PoisonRecord(position, value or b"", poison.reason)
    except UnknownEvent as unknown:
        if (topic := topic_of(unknown.type_name)) != position.topic.value:
            return PoisonRecord(position, value or b"", f"an event of the topic {topic}")
        raise UnknownEvent(unknown.type_name, unknown.unknown, str(position)) from None
    if envelope.data.topic is not position.topic:
        return PoisonRecord(position, value or b"", f"an event of the topic {envelope.data.topic.value}")
    assert value is not None, "decode refuses it"  # noqa: S101
    return Record(position, envelope, value)
