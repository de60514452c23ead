"""Records as they stand in Kafka: an event with its position, and consecutive ones as a batch."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from .envelope import Envelope, decode
from .errors import PoisonError
from .events import Topic

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class LogPartition(NamedTuple):
    """A partition of the log."""

    topic: Topic
    partition: int


class RecordPosition(NamedTuple):
    """Where a record stands in the log; ordered within a partition by ``offset``."""

    topic: Topic
    partition: int
    offset: int


@dataclass(frozen=True)
class Record:
    """An event in its place. ``value`` is the exact bytes in Kafka, ``timestamp`` the record's time (UTC)."""

    position: RecordPosition
    envelope: Envelope
    value: bytes
    timestamp: datetime


@dataclass(frozen=True)
class PoisonRecord:
    """A record that can't be read or applied, and the reason."""

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


def kafka_time(milliseconds: int) -> datetime:
    """Kafka's record time (milliseconds since 1970) as UTC."""
    return _EPOCH + timedelta(milliseconds=milliseconds)


def read_record(topic: Topic, message: ConsumerRecord) -> Record | PoisonRecord:
    """Decode what Kafka served of ``topic``; a value that is no event of it becomes a :class:`PoisonRecord`."""
    position = RecordPosition(topic, message.partition, message.offset)
    try:
        envelope = decode(message.value)
        if envelope.data.topic is not topic:
            raise PoisonError(f"an event of the topic {envelope.data.topic.value}")
    except PoisonError as poison:
        return PoisonRecord(position, message.value or b"", poison.reason)
    return Record(position, envelope, message.value, kafka_time(message.timestamp))
