"""Where the log is: bootstrap servers, topic names and the topics' settings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import for_code

from .errors import TopicsUnavailable
from .events import Topic

EVENT_MAX_BYTES: Final = 2 * 1024 * 1024
"""The largest encoded event that the log takes, in bytes."""

# Above EVENT_MAX_BYTES: the broker counts the record batch around the event too.
_TOPIC_MAX_MESSAGE_BYTES = EVENT_MAX_BYTES + 64 * 1024

DEFAULT_PARTITIONS: Final[Mapping[Topic, int]] = {
    Topic.BALLOTS: 6,
    Topic.IDENTITY: 6,
    Topic.BIOMETRIC: 6,
    Topic.ELECTIONS: 1,
    Topic.TALLY: 1,
    Topic.LEDGER: 1,
    Topic.DEAD_LETTER: 1,
}
"""How many partitions each topic has in a deployment. Changing it later would move keys: never do."""

_TOPIC_ALREADY_EXISTS = 36  # Apache Kafka protocol, "Error codes"


@dataclass(frozen=True)
class KafkaSettings:
    """How to reach Kafka and how the deployment's topics are named."""

    bootstrap_servers: str
    """Comma-separated ``host:port``."""
    topic_prefix: str = "evote."

    def topic_name(self, topic: Topic) -> str:
        """The Kafka name of a topic, such as ``evote.ballots``."""
        return f"{self.topic_prefix}{topic.value}"

    def topic_of(self, name: str) -> Topic:
        """The inverse of :meth:`topic_name`; raises ``ValueError`` for a foreign name."""
        if not name.startswith(self.topic_prefix):
            raise ValueError(f"{name!r} is not a topic of the prefix {self.topic_prefix!r}")
        return Topic(name.removeprefix(self.topic_prefix))


async def create_topics(
    settings: KafkaSettings,
    partitions: Mapping[Topic, int] = DEFAULT_PARTITIONS,
    replication: int = 1,
) -> None:
    """Create the topics that are missing; topics that exist are left as they are.

    Events are kept for ever: the topics are the truth from which everything else is replayed.

    Args:
        partitions: the number of partitions of each topic to create.
        replication: copies of each partition; from 3 on, 2 of them must have a record before it
            is acknowledged (``min.insync.replicas``).
    """
    configs = {
        "retention.ms": "-1",
        "retention.bytes": "-1",
        "cleanup.policy": "delete",
        "max.message.bytes": str(_TOPIC_MAX_MESSAGE_BYTES),
        "min.insync.replicas": "2" if replication >= 3 else "1",
        "unclean.leader.election.enable": "false",
    }
    wanted = [
        NewTopic(settings.topic_name(topic), count, replication, topic_configs=configs)
        for topic, count in partitions.items()
    ]
    admin = AIOKafkaAdminClient(bootstrap_servers=settings.bootstrap_servers)
    await admin.start()
    try:
        answer = await admin.create_topics(wanted)
        for name, code, message in answer.topic_errors:
            if code not in (0, _TOPIC_ALREADY_EXISTS):
                raise TopicsUnavailable(name, message or for_code(code).__name__)
        await _wait_for_leaders(admin, [topic.name for topic in wanted])
    finally:
        await admin.close()


async def _wait_for_leaders(admin: AIOKafkaAdminClient, names: list[str]) -> None:
    """Creation is asynchronous: a producer that comes too early would see no leader."""
    reason = ""
    for _ in range(100):
        described = await admin.describe_topics(names)
        waiting = [
            topic["topic"]
            for topic in described
            if topic["error_code"] != 0 or any(part["leader"] < 0 for part in topic["partitions"])
        ]
        if not waiting:
            return
        reason = f"no leader for {', '.join(waiting)}"
        await asyncio.sleep(0.05)
    raise TopicsUnavailable(names[0], reason)
