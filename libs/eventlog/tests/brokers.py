"""What a test does to a broker of its own."""

from __future__ import annotations

from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import Topic
from evote_eventlog.kafka import KafkaSettings
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
