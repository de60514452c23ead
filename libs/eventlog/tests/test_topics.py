"""Topics that would lose events are refused at a replica's start, with what is wrong: on a real Kafka."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import asyncpg
import pytest
from evote_eventlog.access import SERVICES, topics_of
from evote_eventlog.errors import LogUnavailable, TopicsUnfit
from evote_eventlog.events import Topic
from evote_eventlog.kafka import PRODUCTION, KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import SETTINGS, TopicWatch, create_topics, topic_faults, topic_states
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.kafka_sabotage import change_topic, delete_head
from evote_local.testbed import eventually
from prometheus_client import CollectorRegistry

pytestmark = pytest.mark.stack

OTHERWISE = {
    "retention.ms": "604800000",
    "retention.bytes": "1000000",
    "cleanup.policy": "compact",
    "flush.messages": "1000",
    "unclean.leader.election.enable": "true",
    "compression.type": "producer",
    "max.message.bytes": "1048588",
}
OURS = {setting.name: setting.value for setting in SETTINGS}


async def test_topics_as_they_are_created_are_without_fault(kafka: KafkaSettings) -> None:
    assert await topic_faults(kafka, list(Topic)) == {}


async def test_each_leader_answers_once_the_topics_are_made(kafka_node: KafkaNode, patience: ExitStack) -> None:
    """Metadata name a leader before it knows of that itself: who goes by them alone comes too early."""
    for _ in range(5):
        settings = KafkaSettings(kafka_node.bootstrap_servers, f"test-{secrets.token_hex(6)}.")
        await create_topics(settings, {Topic.BALLOTS: 20, Topic.IDENTITY: 20})
        async with EventTail(settings, [Topic.BALLOTS, Topic.IDENTITY]).looks({}) as look:
            await look()
            assert not look.missed


@pytest.mark.parametrize("name", sorted(OURS))
async def test_each_setting_that_would_lose_events_is_named_with_what_it_would_do(
    kafka: KafkaSettings, name: str
) -> None:
    await change_topic(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), {**OURS, name: OTHERWISE[name]})

    async def found() -> bool:  # a broker hears of it a little later
        return bool(await topic_faults(kafka, list(Topic)))

    await eventually(found)
    faults = await topic_faults(kafka, list(Topic))
    assert list(faults) == [Topic.BALLOTS]
    [fault] = faults[Topic.BALLOTS]
    assert fault.startswith(f"{name} is {OTHERWISE[name]} and must be {OURS[name]}: ")


async def test_production_demands_copies_that_survive_a_machine(kafka: KafkaSettings) -> None:
    faults = await topic_faults(replace(kafka, copies=PRODUCTION), [Topic.BALLOTS])
    assert faults == {
        Topic.BALLOTS: [
            "min.insync.replicas is 1 and must be 2 or more: the loss of one machine loses what was acknowledged",
            "a partition has 1 replicas and must have 3 or more",
        ]
    }


async def test_topics_whose_events_build_on_each_other_have_one_partition(kafka: KafkaSettings) -> None:
    other = replace(kafka, topic_prefix=f"{kafka.topic_prefix}other.")
    await create_topics(other, dict.fromkeys(Topic, 2))
    assert set(await topic_faults(other, list(Topic))) == {Topic.ELECTIONS, Topic.TALLY, Topic.LEDGER}


async def test_a_replica_does_not_start_over_unfit_topics_and_says_which(kafka: KafkaSettings) -> None:
    await change_topic(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), {**OURS, "retention.ms": "604800000"})
    await eventually(lambda: _has_faults(kafka))
    for service in SERVICES:
        watch = asyncio.create_task(TopicWatch(kafka, topics_of(service), CollectorRegistry()).run())
        if Topic.BALLOTS in topics_of(service):
            with pytest.raises(TopicsUnfit) as unfit:
                await watch
            assert f"{kafka.topic_name(Topic.BALLOTS)}: retention.ms is 604800000" in str(unfit.value)
        else:
            watch.cancel()


async def _has_faults(kafka: KafkaSettings) -> bool:
    return bool(await topic_faults(kafka, list(Topic)))


async def test_topics_that_are_not_there_yet_are_waited_for(kafka: KafkaSettings) -> None:
    """Services start in any order."""
    later = replace(kafka, topic_prefix=f"{kafka.topic_prefix}later.")
    with pytest.raises(LogUnavailable):
        await topic_faults(later, list(Topic))
    registry = CollectorRegistry()
    watch = asyncio.create_task(TopicWatch(later, list(Topic), registry).run())
    await create_topics(later)

    async def seen() -> bool:
        return registry.get_sample_value("evote_topic_faults", {"topic": "ballots"}) == 0

    await eventually(seen)
    watch.cancel()


async def test_a_head_that_was_deleted_shows_in_the_metrics_of_who_had_read_it(
    kafka: KafkaSettings, producer: EventProducer, new_close: object
) -> None:
    """A projection that has been past it goes on; the truth has lost it all the same."""
    for _ in range(3):
        await producer.publish(new_close())  # type: ignore[operator]
    await delete_head(kafka.bootstrap_servers, kafka.topic_name(Topic.ELECTIONS), 0, 2)
    registry = CollectorRegistry()
    watch = asyncio.create_task(TopicWatch(kafka, [Topic.ELECTIONS], registry).run())

    async def shown() -> bool:
        return registry.get_sample_value("evote_log_missing_records", {"topic": "elections"}) == 2

    await eventually(shown)
    watch.cancel()


async def test_partitions_with_fewer_replicas_in_sync_than_a_write_needs_are_shown(kafka: KafkaSettings) -> None:
    """Kafka refuses their writes, and one that isn't Strimzi's has no exporter that says so."""
    registry, ballots = CollectorRegistry(), len(await EventTail(kafka, [Topic.BALLOTS]).end_offsets())
    watch = TopicWatch(kafka, [Topic.BALLOTS, Topic.ELECTIONS], registry)
    watching = asyncio.create_task(watch.run())

    def refusing(topic: Topic) -> float | None:
        return registry.get_sample_value("evote_topic_partitions_under_min_isr", {"topic": topic.value})

    async def well() -> bool:
        return refusing(Topic.BALLOTS) == 0 == refusing(Topic.ELECTIONS)

    await eventually(well)
    watching.cancel()
    changed = {**OURS, "min.insync.replicas": "2"}
    await change_topic(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), changed)

    async def sick() -> bool:
        states = await topic_states(kafka, [Topic.BALLOTS, Topic.ELECTIONS])
        return states[Topic.BALLOTS].refusing == ballots

    await eventually(sick)
    watching = asyncio.create_task(watch.run())  # from its first look on, and not a quarter of a minute later

    async def shown() -> bool:
        return refusing(Topic.BALLOTS) == ballots and refusing(Topic.ELECTIONS) == 0

    await eventually(shown)
    watching.cancel()


async def test_what_can_no_longer_be_looked_at_is_not_shown_as_if_it_were(
    broker: KafkaNode, broker_settings: KafkaSettings, pool: asyncpg.Pool, own_running: Callable[..., Any]
) -> None:
    """A lag or a fault of before the outage would look like one of now."""
    registry = CollectorRegistry()
    watch = TopicWatch(broker_settings, [Topic.ELECTIONS], registry)
    producer = EventProducer(broker_settings, "test", lambda: datetime.now(UTC))
    async with own_running(broker_settings, pool, producer) as runner:

        def lag() -> list[float]:
            (metric,) = runner._metrics.lag.collect()
            return [sample.value for sample in metric.samples]

        async def shown() -> bool:
            return lag() == [0.0] * len(lag()) != []

        async def not_shown() -> bool:
            return lag() == []

        await eventually(shown)
        broker.stop()
        await eventually(not_shown)
    of_the_watch = ("evote_topic_faults", "evote_log_missing_records", "evote_topic_partitions_under_min_isr")
    for gauge in (watch._faults, watch._missing, watch._refusing):
        gauge.labels(Topic.ELECTIONS.value).set(0)
    watching = asyncio.create_task(watch.run())

    async def not_seen() -> bool:
        return {registry.get_sample_value(name, {"topic": "elections"}) for name in of_the_watch} == {None}

    await eventually(not_seen)
    watching.cancel()
    await producer.stop()
