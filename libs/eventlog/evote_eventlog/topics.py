"""Topics that keep what they are given: made so, and looked at by every replica at its start and from then on."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import structlog
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, for_code
from prometheus_client import CollectorRegistry, Gauge

from .errors import LogUnavailable, TopicsUnavailable, TopicsUnfit
from .events import Topic
from .kafka import DEFAULT_PARTITIONS, EVENT_MAX_BYTES, Copies, KafkaSettings
from .tail import EventTail

# Above EVENT_MAX_BYTES: the broker counts the record batch around the event too.
_TOPIC_MAX_MESSAGE_BYTES = EVENT_MAX_BYTES + 64 * 1024

_IN_ONE_ORDER: Final = frozenset({Topic.ELECTIONS, Topic.TALLY, Topic.LEDGER})
"""Topics of one partition: what their events build on is looked for before them."""

_TOPIC_ALREADY_EXISTS = 36  # Apache Kafka protocol, "Error codes"
_ANSWER_WITHIN_S = 10.0
_FIRST_LOOK_AGAIN_S = 1.0
_LOOK_AGAIN_S = 15.0
"""A page waits for it: writes are refused while too few replicas are in sync."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Setting:
    """A setting of a topic, and what happens with another one."""

    name: str
    value: str
    otherwise: str


SETTINGS: Final = (
    Setting("retention.ms", "-1", "events are deleted after a while"),
    Setting("retention.bytes", "-1", "events are deleted beyond a size"),
    Setting("cleanup.policy", "delete", "events are thinned out"),
    Setting("flush.messages", "1", "a power cut of the whole site loses what was acknowledged"),
    Setting("unclean.leader.election.enable", "false", "a broker that was behind undoes what was acknowledged"),
    Setting("compression.type", "uncompressed", "a small batch may be more than a reader's memory"),
    Setting("max.message.bytes", str(_TOPIC_MAX_MESSAGE_BYTES), "the largest events are refused"),
)
"""What every topic of the log has, whatever the cluster's own settings are."""


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

    Raises:
        TopicsUnavailable: Kafka refused one.
        LogUnavailable: a leader did not answer in time.
    """
    configs = {setting.name: setting.value for setting in SETTINGS}
    configs["min.insync.replicas"] = str(Copies.of(replication).in_sync)
    wanted = [
        NewTopic(settings.topic_name(topic), count, replication, topic_configs=configs)
        for topic, count in partitions.items()
    ]
    admin = AIOKafkaAdminClient(**settings.client_options())
    await admin.start()
    try:
        answer = await admin.create_topics(wanted)
        for name, code, message in answer.topic_errors:
            if code not in (0, _TOPIC_ALREADY_EXISTS):
                raise TopicsUnavailable(name, message or for_code(code).__name__)
        # Creation is asynchronous: who came too early would find no leader, or one that doesn't know yet that it is.
        await EventTail(settings, partitions).end_offsets()
    finally:
        await admin.close()


@dataclass(frozen=True)
class TopicState:
    """What Kafka says of a topic."""

    faults: Sequence[str]
    """What would lose events, in words for an operator."""
    refusing: int
    """Partitions that refuse writes: without a leader, or with fewer replicas in sync than ``min.insync.replicas``."""


async def topic_faults(kafka: KafkaSettings, topics: Collection[Topic]) -> dict[Topic, Sequence[str]]:
    """What is wrong with each topic, in words for an operator; only topics with a fault.

    Raises:
        LogUnavailable: Kafka is away, or a topic does not exist yet.
    """
    states = await topic_states(kafka, topics)
    return {topic: state.faults for topic, state in states.items() if state.faults}


async def topic_states(kafka: KafkaSettings, topics: Collection[Topic]) -> dict[Topic, TopicState]:
    """How each topic is set, made and kept now.

    Raises:
        LogUnavailable: Kafka is away, or a topic does not exist yet.
    """
    names = {kafka.topic_name(topic): topic for topic in topics}
    admin = AIOKafkaAdminClient(**kafka.client_options())
    try:
        async with asyncio.timeout(_ANSWER_WITHIN_S):
            await admin.start()
            configs = await _describe_configs(admin, names)
            described = {topic["topic"]: topic for topic in await admin.describe_topics(list(names))}
    except (KafkaError, TimeoutError) as error:
        raise LogUnavailable(type(error).__name__) from error
    finally:
        await admin.close()
    return {
        topic: TopicState(
            [*_setting_faults(configs[name], kafka.copies), *_shape_faults(topic, described[name], kafka.copies)],
            _refusing(described[name], _in_sync(configs[name])),
        )
        for name, topic in names.items()
    }


async def _describe_configs(admin: AIOKafkaAdminClient, names: Collection[str]) -> dict[str, dict[str, str]]:
    resources = [ConfigResource(ConfigResourceType.TOPIC, name) for name in names]
    return {
        name: {entry[0]: entry[1] for entry in entries}
        for answer in await admin.describe_configs(resources)
        for code, _, _, name, entries in answer.resources
        if _described(code, name)
    }


def _described(code: int, name: str) -> bool:
    if code:
        raise for_code(code)(name)
    return True


def _setting_faults(found: Mapping[str, str], copies: Copies) -> list[str]:
    faults = [
        f"{wanted.name} is {found.get(wanted.name)} and must be {wanted.value}: {wanted.otherwise}"
        for wanted in SETTINGS
        if found.get(wanted.name) != wanted.value
    ]
    in_sync = _in_sync(found)
    if in_sync < copies.in_sync:
        why = "the loss of one machine loses what was acknowledged"
        faults.append(f"min.insync.replicas is {in_sync} and must be {copies.in_sync} or more: {why}")
    return faults


def _in_sync(found: Mapping[str, str]) -> int:
    return int(found.get("min.insync.replicas", 0))


def _refusing(described: Mapping[str, Any], in_sync: int) -> int:
    partitions: Sequence[Mapping[str, Any]] = described["partitions"]
    return sum(partition["leader"] < 0 or len(partition["isr"]) < in_sync for partition in partitions)


def _shape_faults(topic: Topic, described: Mapping[str, Any], copies: Copies) -> list[str]:
    partitions: Sequence[Mapping[str, Any]] = described["partitions"]
    faults = []
    fewest = min((len(partition["replicas"]) for partition in partitions), default=0)
    if fewest < copies.of_each:
        faults.append(f"a partition has {fewest} replicas and must have {copies.of_each} or more")
    if topic in _IN_ONE_ORDER and len(partitions) != 1:
        faults.append(f"it has {len(partitions)} partitions and must have one: its events build on each other")
    return faults


class TopicWatch:
    """Refuses, at a replica's start, topics that would lose events; says it aloud when they come to be so later."""

    def __init__(self, kafka: KafkaSettings, topics: Collection[Topic], registry: CollectorRegistry) -> None:
        """``topics``: all that this service reads or writes."""
        self._kafka = kafka
        self._topics = topics
        self._faults = Gauge(
            "evote_topic_faults", "Settings of a topic that would lose events.", ["topic"], registry=registry
        )
        self._missing = Gauge(
            "evote_log_missing_records",
            "Records at the beginning of a topic's partitions that are not there any more.",
            ["topic"],
            registry=registry,
        )
        self._refusing = Gauge(
            "evote_topic_partitions_under_min_isr",
            "Partitions of a topic that refuse writes: fewer replicas are in sync than min.insync.replicas.",
            ["topic"],
            registry=registry,
        )
        self._said: set[str] = set()

    async def run(self) -> None:
        """Look, again and again, until cancelled; outages are waited out.

        Raises:
            TopicsUnfit: at the first look. Later ones only say it: to stop then would not bring an event back.
        """
        first = True
        while True:
            try:
                states = await topic_states(self._kafka, self._topics)
                await self._look_for_missing()
            except LogUnavailable as error:
                _log.warning("topics-not-seen", reason=error.reason)
                self._faults.clear()
                self._missing.clear()
                self._refusing.clear()
                await asyncio.sleep(_FIRST_LOOK_AGAIN_S)
                continue
            for topic, state in states.items():
                self._faults.labels(topic.value).set(len(state.faults))
                self._refusing.labels(topic.value).set(state.refusing)
            faults = {topic: state.faults for topic, state in states.items() if state.faults}
            if first and faults:
                raise TopicsUnfit({self._kafka.topic_name(topic): found for topic, found in faults.items()})
            first = False
            self._say([f"{topic.value}: {fault}" for topic, found in faults.items() for fault in found])
            await asyncio.sleep(_LOOK_AGAIN_S)

    async def _look_for_missing(self) -> None:
        begins = await EventTail(self._kafka, self._topics).begin_offsets()
        for topic in self._topics:
            missing = sum(begin for partition, begin in begins.items() if partition.topic is topic)
            self._missing.labels(topic.value).set(missing)
            if missing:
                self._say([f"{topic.value}: {missing} records at the beginning are not there any more"])

    def _say(self, faults: Collection[str]) -> None:
        for fault in set(faults) - self._said:
            _log.error("topic-loses-events", fault=fault)
        self._said |= set(faults)
