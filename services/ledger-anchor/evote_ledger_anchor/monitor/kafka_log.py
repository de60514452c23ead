"""Kafka's partitions as they stand, from the first record that is left to the end: bytes, not events."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from time import monotonic

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError, UnknownTopicOrPartitionError
from evote_eventlog.batches import RawRecord, fetch_batches
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.reading import consumer_options, kafka_partition, partitions_of, stop_consumer
from evote_eventlog.record import LogPartition

_FETCH_BYTES = 256 * 1024
_STALLED_S = 15.0


@dataclass(frozen=True)
class Span:
    """The offsets that a partition has: from ``begin`` to before ``end``; both 0 when there is no such partition."""

    begin: int
    end: int


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
        # Never assigned: an assigned consumer fetches ahead by itself, megabytes of each partition that nobody takes.
        asked = kafka_partition(self._kafka, partition)
        begins = await self._consumer.beginning_offsets([asked])
        ends = await self._consumer.end_offsets([asked])
        return Span(begins[asked], ends[asked])

    async def records(self, partition: LogPartition, span: Span) -> AsyncIterator[Sequence[RawRecord]]:
        """The committed records within the span, in a few at a time.

        Raises:
            BrokenBatch: nothing behind it can be read.
            LogUnavailable: Kafka stopped answering.
        """
        asked = kafka_partition(self._kafka, partition)
        position, moved_at = span.begin, monotonic()
        while position < span.end:
            batches = await fetch_batches(self._consumer, asked, position, _FETCH_BYTES)
            records = [record for batch in batches for record in batch.records]
            within = [record for record in records if position <= record.offset < span.end]
            if within:
                yield within
            reached = max((batch.end for batch in batches), default=position)
            if reached > position:
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
