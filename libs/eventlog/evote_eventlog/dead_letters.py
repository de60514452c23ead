"""Sending poison to the dead-letter topic."""

from __future__ import annotations

import base64
import hashlib

import structlog

from .events import DeadLetter
from .producer import EventProducer
from .record import PoisonRecord

_KEPT_BYTES = 768 * 1024

_log = structlog.get_logger(__name__)


async def publish_dead_letter(producer: EventProducer, consumer: str, poison: PoisonRecord) -> None:
    """Return when the dead letter is durable; raises ``LogUnavailable``."""
    position = poison.position
    await producer.publish(
        DeadLetter(
            original_topic=position.topic.value,
            original_partition=position.partition,
            original_offset=position.offset,
            consumer=consumer,
            reason=poison.reason,
            value_base64=base64.b64encode(poison.value[:_KEPT_BYTES]).decode(),
            value_sha256=hashlib.sha256(poison.value).hexdigest(),
        )
    )
    _log.error(
        "dead-letter",
        consumer=consumer,
        topic=position.topic.value,
        partition=position.partition,
        offset=position.offset,
        reason=poison.reason,
    )
