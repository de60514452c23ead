"""What a test does to a broker of its own."""

from __future__ import annotations

from collections.abc import Sequence

from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import LogPartition, Record
from evote_eventlog.tail import EventTail
from evote_local.nodes.kafka import KafkaNode
from evote_local.testbed import patiently


async def start_again(broker: KafkaNode, kafka: KafkaSettings) -> None:
    """Start it, and wait until its partitions have a leader: it takes connections before it takes records."""
    broker.start()

    async def leads() -> bool:
        try:
            await EventTail(kafka, [Topic.BALLOTS]).end_offsets()
        except LogUnavailable:
            return False
        return True

    await patiently(leads)


async def until_readable(kafka: KafkaSettings, written: Sequence[Record]) -> None:
    """Wait until a transaction's records can be read: that it is committed is acknowledged before it is marked."""

    async def marked() -> bool:
        ends = await EventTail(kafka, {record.position.topic for record in written}).end_offsets()
        return all(
            ends[LogPartition(position.topic, position.partition)] > position.offset
            for position in (record.position for record in written)
        )

    await patiently(marked)
