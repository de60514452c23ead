"""What both producers share: the settings that durability rests on, encoding, closing in bounded time."""

from __future__ import annotations

import asyncio
import contextlib
import uuid
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.structs import RecordMetadata

from .envelope import Clock, Envelope, Randomness, encode
from .errors import EventTooLarge, LogUnavailable
from .events import EventData
from .kafka import EVENT_MAX_BYTES, KafkaSettings
from .record import Record, RecordPosition
from .releases import in_words_of

PUBLISH_TIMEOUT_S = 4.5
"""The longest that a publish takes before it raises :class:`LogUnavailable`, in seconds."""

BATCH_MAX_BYTES = 256 * 1024
"""How much goes to a broker in one batch, unless a single event is larger."""
_GIVE_UP_S = 10.0  # more than a request in flight and a look for metadata take to fail


def producer_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The settings that durability rests on, for both kinds of producer."""
    return {
        **kafka.client_options(),
        "acks": "all",
        "enable_idempotence": True,
        # What comes while a request is under way shares the next one; a pause before each would only wake the process.
        "linger_ms": 0,
        "max_batch_size": BATCH_MAX_BYTES,
        "max_request_size": EVENT_MAX_BYTES + 16 * 1024,
        "request_timeout_ms": 3000,
        "retry_backoff_ms": 100,
    }


def encode_within_limit(envelope: Envelope, kafka: KafkaSettings) -> bytes:
    """The record value; raises :class:`EventTooLarge` before anything is sent."""
    value = encode(envelope, kafka.events_release)
    if len(value) > EVENT_MAX_BYTES:
        raise EventTooLarge(len(value), EVENT_MAX_BYTES)
    return value


def new_envelope(data: EventData, source: str, clock: Clock, random: Randomness, kafka: KafkaSettings) -> Envelope:
    """An envelope with the event's own id, or a fresh random one (UUID version 4), and what it tells of the time.

    Of an event that not every reader reads yet, the earlier version; ``NotReadByAll`` when there is none.
    """
    # Here and nowhere else: a reader of the release before would stop at anything newer, in the middle of an election.
    written = in_words_of(data, kafka.events_release)
    id_ = written.event_id() or str(uuid.UUID(bytes=random(16), version=4))
    return Envelope.wrap(written, id=id_, source=source, time=written.told_time(clock()))


def demand_place(acknowledged: RecordMetadata) -> RecordMetadata:
    """What was acknowledged, if the broker said where it stands; raises :class:`LogUnavailable` otherwise.

    aiokafka takes "duplicate sequence number" for success, without an offset: the broker has gone on to later batches
    and doesn't remember this one. It may be in the log; where, and whether, only a reader can tell.
    """
    # Of several in one batch all but the first have an offset then, too, counted from -1 on.
    if acknowledged.offset < 0 or acknowledged.log_start_offset == -1:
        raise LogUnavailable("the broker acknowledged a record and did not say where it stands")
    return acknowledged


def published(envelope: Envelope, value: bytes, metadata: RecordMetadata) -> Record:
    """The record that Kafka acknowledged with ``metadata``."""
    position = RecordPosition(envelope.data.topic, metadata.partition, metadata.offset)
    return Record(position, envelope, value)


async def close_producer(producer: AIOKafkaProducer, *, patience_s: float) -> None:
    """Stop a producer: what is unsent gets ``patience_s`` seconds, then is given up.

    aiokafka's own ``stop`` waits for ever for unsent batches while the broker is away. It also ends
    when the sender does, and only then may batches be failed: one in flight goes back into the queue.
    """
    stopping = asyncio.ensure_future(producer.stop())
    await asyncio.wait([stopping], timeout=patience_s)
    if not stopping.done():
        sender = producer._sender.sender_task
        if sender is not None:
            sender.cancel()
        await asyncio.wait([stopping], timeout=_GIVE_UP_S)
        producer._message_accumulator.fail_all(KafkaError("the producer was closed"))
    stopping.cancel()
    with contextlib.suppress(KafkaError, asyncio.CancelledError):
        await stopping
