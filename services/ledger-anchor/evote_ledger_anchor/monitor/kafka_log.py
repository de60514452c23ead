"""Kafka's partitions as they stand, from the first record that is left to the end: bytes, not events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import CorruptRecordException, KafkaError, UnknownTopicOrPartitionError
from aiokafka.structs import ConsumerRecord
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.reading import consumer_options, kafka_partition, partitions_of, stop_consumer
from evote_eventlog.record import LogPartition

_POLL_MS = 200
_RECORDS_AT_ONCE = 200
_STALLED_S = 15.0


@dataclass(frozen=True)
class Span:
    """The offsets that a partition has: from ``begin`` to before ``end``; both 0 when there is no such partition."""

    begin: int
    end: int


class CorruptBatch(Exception):
    """Kafka serves a batch whose checksum does not hold. Field: ``offset``, where it begins."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"the checksum of the batch at offset {offset} does not hold")
        self.offset = offset


class KafkaLog:
    """One connection that reads partitions one after the other; made by :func:`open_kafka_log`."""

    def __init__(self, kafka: KafkaSettings, consumer: AIOKafkaConsumer) -> None:
        self._kafka = kafka
        self._consumer = consumer

    async def current_span(self, partition: LogPartition) -> Span:
        """Where a partition begins and ends now, for readers of committed records."""
        try:
            existing = await partitions_of(self._kafka, self._consumer, [partition.topic])
        except UnknownTopicOrPartitionError:
            existing = []
        if partition not in existing:
            return Span(0, 0)
        assigned = kafka_partition(self._kafka, partition)
        self._consumer.assign([assigned])
        begins = await self._consumer.beginning_offsets([assigned])
        ends = await self._consumer.end_offsets([assigned])
        return Span(begins[assigned], ends[assigned])

    async def records(self, partition: LogPartition, span: Span) -> AsyncIterator[Sequence[ConsumerRecord]]:
        """The committed records within the span, in a few at a time.

        Raises:
            CorruptBatch: nothing behind it can be read.
            LogUnavailable: Kafka stopped answering.
        """
        assigned = kafka_partition(self._kafka, partition)
        self._consumer.assign([assigned])
        self._consumer.seek(assigned, span.begin)
        position, moved_at, at_once = span.begin, monotonic(), _RECORDS_AT_ONCE
        while position < span.end:
            try:
                fetched = await self._consumer.getmany(assigned, timeout_ms=_POLL_MS, max_records=at_once)
            except CorruptRecordException as error:
                if at_once == 1:
                    raise CorruptBatch(position) from error
                at_once = 1  # what stands before it can be read, one by one
                self._consumer.seek(assigned, position)
                continue
            messages = [message for message in fetched.get(assigned, []) if message.offset < span.end]
            if messages:
                yield messages
            reached = await self._consumer.position(assigned)
            if reached != position:
                position, moved_at = reached, monotonic()
            elif monotonic() - moved_at > _STALLED_S:
                raise LogUnavailable(f"no record of {partition.topic.value}/{partition.partition} from {position} on")


@asynccontextmanager
async def open_kafka_log(kafka: KafkaSettings) -> AsyncIterator[KafkaLog]:
    """Connect while the block runs; raises ``LogUnavailable`` when Kafka is away, or goes away."""
    consumer = AIOKafkaConsumer(**consumer_options(kafka))
    try:
        await consumer.start()
        yield KafkaLog(kafka, consumer)
    except KafkaError as error:
        raise LogUnavailable(type(error).__name__) from error
    finally:
        await stop_consumer(consumer)
