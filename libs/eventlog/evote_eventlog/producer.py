"""Writing events: a publish returns only when the event is durable, or fails within a bounded time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Sequence
from contextlib import nullcontext
from typing import Any

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from .delivery import (
    BATCH_MAX_BYTES,
    PUBLISH_TIMEOUT_S,
    close_producer,
    demand_place,
    encode_within_limit,
    new_envelope,
    producer_options,
    published,
)
from .envelope import Clock, Randomness
from .errors import EventTooLarge, LogUnavailable
from .events import EventData, Topic
from .kafka import KafkaSettings
from .metrics import PublishMetrics
from .record import Record

_log = structlog.get_logger(__name__)


class EventProducer:
    """Publishes events of one service. Safe for many concurrent tasks; events of one key keep their order.

    It heals itself: when the broker comes back, or after an error that breaks the sequence of an
    idempotent producer, the next publish goes through a fresh connection.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        source: str,
        clock: Clock,
        random: Randomness = secrets.token_bytes,
        metrics: PublishMetrics | None = None,
    ) -> None:
        """``source`` names the service in every envelope; ``random`` makes the event ids."""
        self._kafka = kafka
        self._source = source
        self._clock = clock
        self._random = random
        self._timed = nullcontext if metrics is None else metrics.timed
        self._producer: AIOKafkaProducer | None = None
        self._connecting = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Connect. When Kafka is away this is only logged: each publish tries again."""
        try:
            await self.check()
        except LogUnavailable as error:
            _log.warning("log-unavailable-at-start", reason=error.reason)

    async def stop(self) -> None:
        """Send what is accepted, for at most two seconds, and disconnect."""
        producer, self._producer = self._producer, None
        if producer is not None:
            await close_producer(producer, patience_s=2)
        await asyncio.gather(*self._closing)

    async def publish(self, data: EventData, *, partition: int | None = None) -> Record:
        """Write one event and return when every in-sync replica has it.

        Args:
            data: the event; its key picks the partition.
            partition: overrides the key's choice, for markers that go to every partition.

        Raises:
            LogUnavailable: no acknowledgement within :data:`PUBLISH_TIMEOUT_S`; the outcome is unknown.
            EventTooLarge: the event can't be written at all.
            NotReadByAll: the event is newer than what the deployment's readers read.
        """
        envelope = new_envelope(data, self._source, self._clock, self._random, self._kafka)
        value = encode_within_limit(envelope, self._kafka)
        metadata = await self._timely(self._sent(data, value, partition))
        return published(envelope, value, metadata)

    async def publish_together(self, events: Sequence[EventData]) -> list[Record]:
        """Write events of one topic and key in one batch: all of them, one behind the other, or none.

        A broker appends a batch whole, and readers see it at once: one write to disk, and one look for each reader.

        Raises:
            ValueError: another topic or key among them; nothing was written.
            LogUnavailable, EventTooLarge, NotReadByAll: as :meth:`publish`. Too large is also what is so together.
        """
        if len({(data.topic, data.partition_key()) for data in events}) != 1:
            raise ValueError("only events of one topic and key fit into one batch")
        envelopes = [new_envelope(data, self._source, self._clock, self._random, self._kafka) for data in events]
        values = [encode_within_limit(envelope, self._kafka) for envelope in envelopes]
        first = await self._timely(self._sent_together(events[0], values))
        return [
            published(envelope, value, first._replace(offset=first.offset + place))
            for place, (envelope, value) in enumerate(zip(envelopes, values, strict=True))
        ]

    async def _timely(self, sending: Coroutine[Any, Any, RecordMetadata]) -> RecordMetadata:
        try:
            with self._timed():
                async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                    return await sending
        except TimeoutError as error:
            raise LogUnavailable(f"no acknowledgement within {PUBLISH_TIMEOUT_S} s") from error
        except KafkaError as error:
            raise LogUnavailable(type(error).__name__) from error

    async def _sent(self, data: EventData, value: bytes, partition: int | None) -> RecordMetadata:
        producer = await self._connected()
        delivery = await producer.send(
            self._kafka.topic_name(data.topic),
            value,
            key=data.partition_key().encode(),
            partition=partition,
        )
        return await self._acknowledged(producer, delivery)

    async def _sent_together(self, one: EventData, values: Sequence[bytes]) -> RecordMetadata:
        producer, topic, key = await self._connected(), self._kafka.topic_name(one.topic), one.partition_key().encode()
        batch = producer.create_batch()
        for value in values:
            if batch.append(key=key, value=value, timestamp=None) is None:
                raise EventTooLarge(sum(map(len, values)), BATCH_MAX_BYTES)
        batch.close()  # nothing else is waited for
        await producer.partitions_for(topic)  # else it may not know them yet, by which the key picks one
        partition = producer._partition(topic, None, None, None, key, None)
        return await self._acknowledged(producer, await producer.send_batch(batch, topic, partition=partition))

    async def partition_count(self, topic: Topic) -> int:
        """How many partitions a topic has; raises :class:`LogUnavailable`."""
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                producer = await self._connected()
                return len(await producer.partitions_for(self._kafka.topic_name(topic)))
        except (TimeoutError, KafkaError) as error:
            raise LogUnavailable(type(error).__name__) from error

    async def check(self) -> None:
        """Ask the broker for its metadata now; raises :class:`LogUnavailable` when it doesn't answer."""
        try:
            async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                producer = await self._connected()
                if not await producer.client.force_metadata_update():
                    raise LogUnavailable("no broker answers")
        except (TimeoutError, KafkaError) as error:
            raise LogUnavailable(type(error).__name__) from error

    async def _connected(self) -> AIOKafkaProducer:
        async with self._connecting:
            if self._producer is not None and self._producer._sender.sender_task.done():
                self._discard(self._producer)
            if self._producer is None:
                producer = AIOKafkaProducer(**producer_options(self._kafka))
                try:
                    await producer.start()
                except BaseException:
                    await close_producer(producer, patience_s=0)
                    raise
                self._producer = producer
            return self._producer

    async def _acknowledged(
        self, producer: AIOKafkaProducer, delivery: asyncio.Future[RecordMetadata]
    ) -> RecordMetadata:
        try:
            return demand_place(await delivery)
        except (KafkaError, LogUnavailable):
            # The batch took its sequence numbers with it: the broker would refuse all later ones, or say that it has
            # them already.
            self._discard(producer)
            raise

    def _discard(self, producer: AIOKafkaProducer) -> None:
        if self._producer is producer:
            self._producer = None
            closing = asyncio.ensure_future(close_producer(producer, patience_s=0))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
