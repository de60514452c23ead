"""What every reader of the log shares: committed records only, from the first on, and where the log ends."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition

from .events import Topic
from .kafka import KafkaSettings
from .record import LogPartition


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
