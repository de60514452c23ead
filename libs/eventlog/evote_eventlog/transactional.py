"""Writing several events atomically, by exactly one writer at a time."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence
from contextlib import nullcontext

from aiokafka import AIOKafkaProducer
from aiokafka.errors import InvalidProducerEpoch, InvalidProducerIdMapping, KafkaError, ProducerFenced
from aiokafka.structs import RecordMetadata

from .delivery import (
    PUBLISH_TIMEOUT_S,
    close_producer,
    demand_place,
    encode_within_limit,
    new_envelope,
    producer_options,
    published,
)
from .envelope import Clock, Randomness
from .errors import Fenced, LogUnavailable
from .events import EventData
from .kafka import KafkaSettings
from .metrics import PublishMetrics
from .record import Record

_START_TIMEOUT_S = 20.0
_TRANSACTION_TIMEOUT_MS = 10_000  # an abandoned transaction blocks readers for no longer than this
_SUPERSEDED = (ProducerFenced, InvalidProducerEpoch, InvalidProducerIdMapping)


class TransactionalProducer:
    """Publishes lists of events, all or nothing, under a fixed transactional id.

    ``start`` fences every earlier producer of the same id, and settles its last transaction: when it
    returns, a reader of committed records sees for certain whether that transaction landed. After
    :class:`LogUnavailable` or :class:`Fenced` the producer refuses to publish until it is started
    again: read the log to its end first, and start again only while you are the leader.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        source: str,
        clock: Clock,
        transactional_id: str,
        random: Randomness = secrets.token_bytes,
        metrics: PublishMetrics | None = None,
    ) -> None:
        """``transactional_id`` is shared by all replicas of the writer; only the last to start can write."""
        self._kafka = kafka
        self._source = source
        self._clock = clock
        self._random = random
        self._timed = nullcontext if metrics is None else metrics.timed
        self._transactional_id = transactional_id
        self._producer: AIOKafkaProducer | None = None
        self._publishing = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        """Take the transactional id over; raises :class:`LogUnavailable` when Kafka is away."""
        self._abandon(patience_s=2)
        producer = AIOKafkaProducer(
            **producer_options(self._kafka),
            transactional_id=f"{self._kafka.topic_prefix}{self._transactional_id}",
            transaction_timeout_ms=_TRANSACTION_TIMEOUT_MS,
        )
        try:
            async with asyncio.timeout(_START_TIMEOUT_S):
                await producer.start()
        except (TimeoutError, KafkaError) as error:
            await close_producer(producer, patience_s=0)
            raise LogUnavailable(f"no transactional id: {type(error).__name__}") from error
        self._producer = producer

    async def stop(self) -> None:
        """Disconnect; the transactional id stays free for the next to start."""
        self._abandon(patience_s=2)
        await asyncio.gather(*self._closing)

    async def publish_all(self, events: Sequence[EventData]) -> list[Record]:
        """Write all events or none; return when the transaction is committed.

        Raises:
            Fenced: another producer of the id was started; read the log to learn what is in it.
            LogUnavailable: the outcome is unknown until ``start`` has returned again.
            EventTooLarge: one of the events can't be written; nothing was.
            NotReadByAll: one of them is newer than what the deployment's readers read; nothing was written.
        """
        envelopes = [new_envelope(data, self._source, self._clock, self._random, self._kafka) for data in events]
        values = [encode_within_limit(envelope, self._kafka) for envelope in envelopes]
        async with self._publishing:
            producer = self._producer
            if producer is None:
                raise LogUnavailable("the transactional producer is not started")
            try:
                with self._timed():
                    async with asyncio.timeout(PUBLISH_TIMEOUT_S):
                        delivered = await self._commit(producer, events, values)
            except BaseException as error:
                # The next start fences whatever the abandoned connection may still do.
                self._abandon(patience_s=0)
                if isinstance(error, _SUPERSEDED):
                    raise Fenced(self._transactional_id) from error
                if isinstance(error, TimeoutError | KafkaError):
                    raise LogUnavailable(type(error).__name__) from error
                raise
        return [
            published(envelope, value, metadata)
            for envelope, value, metadata in zip(envelopes, values, delivered, strict=True)
        ]

    async def _commit(
        self, producer: AIOKafkaProducer, events: Sequence[EventData], values: Sequence[bytes]
    ) -> list[RecordMetadata]:
        deliveries: list[asyncio.Future[RecordMetadata]] = []
        try:
            await producer.begin_transaction()
            for data, value in zip(events, values, strict=True):
                topic = self._kafka.topic_name(data.topic)
                deliveries.append(await producer.send(topic, value, key=data.partition_key().encode()))
            # Before the commit: aiokafka would commit around a batch that failed, or that nobody knows the place of.
            delivered = [demand_place(metadata) for metadata in await asyncio.gather(*deliveries)]
            await producer.commit_transaction()
        finally:
            for delivery in deliveries:
                delivery.cancel()
        return delivered

    def _abandon(self, *, patience_s: float) -> None:
        producer, self._producer = self._producer, None
        if producer is not None:
            closing = asyncio.ensure_future(close_producer(producer, patience_s=patience_s))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)
