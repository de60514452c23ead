"""Tampering with Kafka or a chain under a running system: in Kafka, in the metric, and on the public page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from evote_anchors.anchor import Anchor
from evote_eventlog import reading
from evote_eventlog.errors import LogTruncated
from evote_eventlog.events import (
    CheckpointSigned,
    LogEntry,
    Topic,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import LogPartition, Record
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import create_topics
from evote_ledger_anchor.domain import sign_checkpoints
from evote_ledger_anchor.monitor.kafka_log import open_kafka_log
from evote_ledger_anchor.store import newest_size
from evote_local.testbed import patiently
from evote_tlog.merkle import Frontier, leaf_hash

from .fake_chain import CHAIN
from .running_monitor import BALLOTS, System, check_notice

pytestmark = [pytest.mark.stack, pytest.mark.slow]


async def test_a_fork_that_the_logs_own_key_signed_is_found(
    system: System, events: Any, client: httpx.AsyncClient
) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        size = await newest_size(system.pool)
        fork = [LogEntry(topic="ballots", partition=0, offset=at, leaf_hash=f"{at:064x}") for at in range(size)]
        (event,) = sign_checkpoints(Frontier(), fork, system.key)
        record = await system.producer.publish(event)
        finding = await system.finding("log-forked")
        await check_notice(client, finding)
    assert finding.where == f"Kafka ledger/0 offset {record.position.offset}, size {size}"
    assert event.root in finding.found


async def test_a_forged_checkpoint_is_found(system: System, events: Any) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        tail = EventTail(system.kafka, [Topic.LEDGER])
        records = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
        signed = [record.envelope.data for record in records if isinstance(record, Record)]
        assert isinstance(signed[0], CheckpointSigned)
        await system.publish(signed[0].model_copy(update={"root": "0" * 64}))
        finding = await system.finding("log-forked")
    assert "not signed by the log's key" in finding.found


async def test_an_anchor_that_nobody_asked_for_is_found(system: System, events: Any, client: httpx.AsyncClient) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.anchor_newest()
        held = system.chain.anchor(1000, bytes(32))
        finding = await system.finding("anchor-unrequested")
        await check_notice(client, finding)
    assert finding.where == f"{CHAIN} block 2 transaction {held.transaction}"


async def test_a_chain_with_another_root_is_found(system: System, events: Any, client: httpx.AsyncClient) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        system.chain.anchor(await newest_size(system.pool), bytes(32))
        finding = await system.finding("chain-disagrees")
        await check_notice(client, finding)
    assert finding.where.startswith(f"{CHAIN} block 1 transaction ")


async def test_a_chain_whose_newest_anchor_changed_is_found(
    system: System, events: Any, client: httpx.AsyncClient
) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        held = await system.anchor_newest()
        await system.completed_passes(1)
        system.chain.contract = Anchor(held.anchor.origin, held.anchor.size, bytes(32))
        finding = await system.finding("chain-disagrees")
        await check_notice(client, finding)
    assert finding.where == f"{CHAIN} newest anchor"


async def delete_records(kafka: KafkaSettings, topic: str, partition: int, before: int) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)
    await admin.start()
    try:
        place = TopicPartition(kafka.topic_name(Topic(topic)), partition)
        await admin.delete_records({place: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()


async def test_a_ballot_that_the_sequencer_passed_by_is_found(
    system: System, events: Any, client: httpx.AsyncClient
) -> None:
    """A sequencer that leaves one out, and follows its rules otherwise."""
    records = [await system.producer.publish(event, partition=0) for event in map(events.ballot, range(4))]
    records.append(await system.producer.publish(events.ballot(1), partition=0))
    records.append(await system.producer.publish(events.marker(0), partition=0))
    records.append(await system.producer.publish(events.ballot(20), partition=0))
    records.append(await system.producer.publish(events.marker(0, election=events.other_election), partition=0))
    listed = [
        LogEntry(topic="ballots", partition=0, offset=record.position.offset, leaf_hash=leaf_hash(record.value).hex())
        for number, record in enumerate(records)
        if number not in (2, 4, 6)
    ]
    for event in sign_checkpoints(Frontier(), listed, system.key):
        await system.publish(event)
    async with system.running():
        finding = await system.finding("entry-dropped")
        await check_notice(client, finding)
        await system.completed_passes(2)
    assert finding.where == f"Kafka ballots/0 offset {records[2].position.offset}"
    assert len(await system.findings()) == 1


async def test_ballots_that_are_deleted_from_kafka_are_found(
    system: System, events: Any, client: httpx.AsyncClient
) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        topic, partition, offset, _ = await system.entry(BALLOTS - 1)
        await delete_records(system.kafka, topic, partition, offset + 1)
        finding = await system.finding("entry-dropped")
        await check_notice(client, finding)
    assert finding.where.startswith(f"Kafka {topic}/{partition} offset 0 (log index ")


async def test_checkpoints_that_are_deleted_from_kafka_are_found(
    system: System, events: Any, client: httpx.AsyncClient
) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        [end] = (await EventTail(system.kafka, [Topic.LEDGER]).end_offsets()).values()
        await delete_records(system.kafka, "ledger", 0, end)
        finding = await system.finding("entry-dropped")
        await check_notice(client, finding)
        await system.cast(events, range(BALLOTS, BALLOTS + 5))
        await system.completed_passes(1)
        assert system.metric("evote_ledger_monitor_entries") == BALLOTS + 5
    assert finding.where == "Kafka ledger/0"


async def _is_gone(topic: str, admin: AIOKafkaAdminClient) -> bool:
    return topic not in await admin.list_topics()


async def test_a_topic_that_is_made_anew_is_found_though_the_projection_ends(
    system: System, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_TRUNCATED_AFTER_S", 1.0)
    async with system.running():
        await system.cast(events, range(BALLOTS))
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka.bootstrap_servers)
    await admin.start()
    try:
        name = system.kafka.topic_name(Topic.BALLOTS)
        await admin.delete_topics([name])
        await patiently(lambda: _is_gone(name, admin))
    finally:
        await admin.close()
    await create_topics(system.kafka, {Topic.BALLOTS: 3})
    system.new_monitor()
    async with system.running() as tasks:
        with pytest.raises(LogTruncated):
            await tasks["projection"]
        finding = await system.finding("log-rolled-back")
    assert finding.where.startswith("Kafka ballots/")


async def test_nothing_is_fetched_that_no_pass_asks_for(system: System, events: Any) -> None:
    """A consumer that partitions are assigned to fetches ahead, megabytes of each."""
    for number in range(3):
        await system.publish(events.ballot(number))
    partitions = [LogPartition(Topic.BALLOTS, number) for number in range(3)]
    async with open_kafka_log(system.kafka) as kafka_log:
        read = [
            record
            for partition in partitions
            async for records in kafka_log.records(partition, await kafka_log.current_span(partition))
            for record in records
        ]
        assert not kafka_log._consumer.assignment()
    assert len(read) == 3
