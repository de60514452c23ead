"""What every reader of the log shares: committed records only, from the first on, and where the log ends."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from .events import Topic
from .kafka import KafkaSettings
from .record import LogPartition

_STOP_TIMEOUT_S = 5.0


def consumer_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The settings of every consumer."""
    return {
        "bootstrap_servers": kafka.bootstrap_servers,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": 100,
        "max_partition_fetch_bytes": 4 * 1024 * 1024,
        "request_timeout_ms": 10_000,
    }


def log_partition(kafka: KafkaSettings, partition: TopicPartition) -> LogPartition:
    """Kafka's name of a partition as ours."""
    return LogPartition(kafka.topic_of(partition.topic), partition.partition)


def kafka_partition(kafka: KafkaSettings, partition: LogPartition) -> TopicPartition:
    """Our name of a partition as Kafka's."""
    return TopicPartition(kafka.topic_name(partition.topic), partition.partition)


async def partitions_of(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, topics: Collection[Topic]
) -> list[LogPartition]:
    """Every partition of the topics; raises ``KafkaError`` when a topic is missing."""
    # The producer has this in public (partitions_for); the consumer only knows topics it is assigned.
    metadata = consumer._client._wait_on_metadata
    return [
        LogPartition(topic, number)
        for topic in sorted(topics)
        for number in sorted(await metadata(kafka.topic_name(topic)))
    ]


async def end_offsets(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, partitions: Iterable[LogPartition]
) -> dict[LogPartition, int]:
    """The offset after the last committed record (or marker) of each partition."""
    ends = await consumer.end_offsets([kafka_partition(kafka, partition) for partition in partitions])
    return {log_partition(kafka, partition): end for partition, end in ends.items()}


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also while its broker is away, and leave nothing of it behind.

    aiokafka's ``stop`` may then wait for ever, or end with the cancellation of a fetch, which would look
    like a cancellation of its caller; either way its heartbeat and its reconnecting would go on.
    """
    # A stop that was cut off while it left the group has not come to the fetcher, whose tasks would fetch on.
    closes = [
        consumer.stop,
        *([consumer._fetcher.close] if consumer._fetcher is not None else []),
        consumer._client.close,
    ]
    for close in closes:
        task = asyncio.ensure_future(close())
        await asyncio.wait([task], timeout=_STOP_TIMEOUT_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio doesn't report it
        else:
            task.cancel()
    for name in ("_heartbeat_task", "_commit_refresh_task"):
        left = getattr(consumer._coordinator, name, None)
        if left is not None:
            left.cancel()
