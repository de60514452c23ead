"""Tampering with the files of a broker that stands still: found when it runs again."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka.record.util import calc_crc32c_py
from evote_eventlog import reading
from evote_eventlog.errors import LogTruncated
from evote_eventlog.events import (
    Topic,
)
from evote_eventlog.kafka import DEFAULT_PARTITIONS, KafkaSettings
from evote_eventlog.replay import replay
from evote_eventlog.topics import create_topics
from evote_ledger_anchor.monitor.partitions import CORRUPT
from evote_ledger_anchor.projection import LedgerProjection
from evote_local.nodes.kafka import KafkaNode
from evote_local.testbed import patiently
from evote_tlog.checkpoint import SigningKey

from .running_monitor import BALLOTS, System, check_notice

pytestmark = [pytest.mark.stack, pytest.mark.slow]


@pytest.fixture
def own_node(tmp_path: Path) -> Iterator[KafkaNode]:
    node = KafkaNode(tmp_path / "kafka")
    node.start()
    yield node
    node.kill()


@pytest.fixture
async def own_system(
    own_node: KafkaNode, database_url: str, pool: asyncpg.Pool, key: SigningKey, tmp_path: Path
) -> AsyncIterator[System]:
    kafka = KafkaSettings(own_node.bootstrap_servers)
    await create_topics(kafka, {**DEFAULT_PARTITIONS, Topic.BALLOTS: 1})
    system = System(kafka, database_url, pool, key, tmp_path / "monitor.json")
    await system.producer.start()
    yield system
    await system.producer.stop()


async def restart(system: System, node: KafkaNode, change: Callable[[Path], None]) -> None:
    """Stop the broker, change its files, start it and everything else again."""
    await system.producer.stop()
    await asyncio.to_thread(node.stop)
    change(node.directory / "data")
    await asyncio.to_thread(node.start)
    await system.producer.start()
    system.new_monitor()


def rewrite(segment: Path, old: bytes, new: bytes) -> None:
    """Replace bytes in a segment and make the checksums of its batches right again (Kafka, "Record Batch")."""
    content = bytearray(segment.read_bytes().replace(old, new))
    assert content != segment.read_bytes()
    at = 0
    while at < len(content):
        end = at + 12 + int.from_bytes(content[at + 8 : at + 12], "big")
        content[at + 17 : at + 21] = calc_crc32c_py(memoryview(content)[at + 21 : end]).to_bytes(4, "big")
        at = end
    segment.write_bytes(content)


SEGMENT = "00000000000000000000.log"


def edited_tracker(events: Any) -> tuple[bytes, bytes]:
    """The fourth ballot's tracker, and the same with another first character."""
    tracker = events.ballot(3).tracker.encode()
    return tracker, (b"B" if tracker[:1] == b"A" else b"A") + tracker[1:]


async def test_a_byte_that_is_edited_in_kafkas_files_is_found(
    own_system: System, own_node: KafkaNode, events: Any, client: httpx.AsyncClient
) -> None:
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
    old, new = edited_tracker(events)
    await restart(system, own_node, lambda data: rewrite(data / "evote.ballots-0" / SEGMENT, old, new))
    async with system.running():
        finding = await system.finding("entry-changed")
        await check_notice(client, finding)
    _, _, offset, leaf = await system.entry(3)
    assert finding.where == f"Kafka ballots/0 offset {offset} (log index 3)"
    assert finding.expected == f"leaf {leaf.hex()}"
    assert finding.intact_at is not None


async def test_a_checkpoint_that_is_edited_in_kafkas_files_is_found(
    own_system: System, own_node: KafkaNode, events: Any, client: httpx.AsyncClient
) -> None:
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
    _, _, _, leaf = await system.entry(3)
    old, new = leaf.hex().encode(), b"0" * 64
    await restart(system, own_node, lambda data: rewrite(data / "evote.ledger-0" / SEGMENT, old, new))
    async with system.running():
        finding = await system.finding("entry-changed")
        await check_notice(client, finding)
        await system.cast(events, range(BALLOTS, BALLOTS + 3))
        await system.completed_passes(1)
        assert system.metric("evote_ledger_monitor_entries") == BALLOTS + 3
    assert finding.where.startswith("Kafka ledger/0 offset ")
    assert len(await system.findings()) == 1


async def test_a_byte_that_is_edited_without_its_checksum_is_found(
    own_system: System, own_node: KafkaNode, events: Any, client: httpx.AsyncClient
) -> None:
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)

    def edit(data: Path) -> None:
        segment = data / "evote.ballots-0" / SEGMENT
        segment.write_bytes(segment.read_bytes().replace(*edited_tracker(events)))

    await restart(system, own_node, edit)
    async with system.running():
        finding = await system.finding("entry-changed")
        await check_notice(client, finding)
    _, _, offset, _ = await system.entry(3)
    assert (finding.where, finding.found) == (f"Kafka ballots/0 offset {offset}", CORRUPT)


async def test_a_segment_that_was_cut_off_is_found_though_the_projection_ends(
    own_system: System, own_node: KafkaNode, events: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_TRUNCATED_AFTER_S", 1.0)
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
    await restart(system, own_node, lambda data: cut_off_last_batch(data / "evote.ballots-0" / SEGMENT))
    async with system.running() as tasks:
        with pytest.raises(LogTruncated):
            await tasks["projection"]
        await patiently(lambda: _raised_at(system, "Kafka ballots/0"))
        await system.completed_passes(1)
    _, _, offset, leaf = await system.entry(BALLOTS - 1)
    expected = [finding.expected for finding in await system.findings() if finding.where == "Kafka ballots/0"]
    assert f"offset {offset} (log index {BALLOTS - 1}), leaf {leaf.hex()}" in expected


def cut_off_last_batch(segment: Path) -> None:
    content = segment.read_bytes()
    at = last = 0
    while at < len(content):
        last, at = at, at + 12 + int.from_bytes(content[at + 8 : at + 12], "big")
    segment.write_bytes(content[:last])


async def _raised_at(system: System, where: str) -> bool:
    return any(finding.where == where for finding in await system.findings())


async def test_kafka_put_back_to_an_older_copy_is_found_though_the_projection_ends(
    own_system: System, own_node: KafkaNode, events: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_TRUNCATED_AFTER_S", 1.0)
    system = own_system
    await _roll_kafka_back(system, own_node, events, tmp_path)
    async with system.running() as tasks:
        with pytest.raises(LogTruncated):
            await tasks["projection"]
        await system.finding("log-rolled-back")
        await system.completed_passes(1)
    places = {finding.where for finding in await system.findings()}
    assert "Kafka ledger/0" in places


async def test_kafka_and_database_both_put_back_are_found_by_what_the_monitor_remembers(
    own_system: System, own_node: KafkaNode, events: Any, tmp_path: Path, client: httpx.AsyncClient
) -> None:
    system = own_system
    await _roll_kafka_back(system, own_node, events, tmp_path)
    # What a backup of the database holds is what the older log says.
    await replay(system.kafka, system.pool, LedgerProjection(system.key.verifier), lambda done, total: None)
    async with system.running():
        finding = await system.finding("log-rolled-back")
        await check_notice(client, finding)
        await system.cast(events, range(100, 120))
        forked = await system.finding("log-forked")
    assert f"size {BALLOTS + 5} or more: the monitor's memory" in finding.expected
    assert forked.where == f"the monitor's memory, size {BALLOTS + 5}"


async def test_an_older_copy_of_the_memory_hides_what_was_put_back_and_is_seen_by_its_size(
    own_system: System, own_node: KafkaNode, events: Any, tmp_path: Path
) -> None:
    """Whoever puts back Kafka, the database and the memory together is found by witnesses, chains and metrics alone."""
    system, copy, old_memory = own_system, tmp_path / "copy", tmp_path / "old.json"
    assert system.state_file is not None
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(2)

    def keep(data: Path) -> None:
        shutil.copytree(data, copy)
        shutil.copy(str(system.state_file), old_memory)

    await restart(system, own_node, keep)
    async with system.running():
        await system.cast(events, range(BALLOTS, BALLOTS + 5))
        await system.completed_passes(2)
        assert system.metric("evote_ledger_monitor_remembered_entries") == BALLOTS + 5

    # An older memory alone hides nothing: the log that is there continues it, and it is at the log's end in one pass.
    shutil.copy(old_memory, system.state_file)
    system.new_monitor()
    async with system.running():
        await system.completed_passes(2)
        assert system.metric("evote_ledger_monitor_remembered_entries") == BALLOTS + 5

    def put_back(data: Path) -> None:
        shutil.rmtree(data)
        shutil.copytree(copy, data)
        shutil.copy(old_memory, str(system.state_file))

    await restart(system, own_node, put_back)
    await replay(system.kafka, system.pool, LedgerProjection(system.key.verifier), lambda done, total: None)
    async with system.running():
        await system.completed_passes(2)
        assert system.metric("evote_ledger_monitor_remembered_entries") == BALLOTS, "less than it was"
    assert await system.findings() == []


async def _roll_kafka_back(system: System, node: KafkaNode, events: Any, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    async with system.running():
        await system.cast(events, range(BALLOTS))
    await restart(system, node, lambda data: shutil.copytree(data, copy))
    async with system.running():
        await system.cast(events, range(BALLOTS, BALLOTS + 5))
        await system.completed_passes(2)

    def put_back(data: Path) -> None:
        shutil.rmtree(data)
        shutil.copytree(copy, data)

    await restart(system, node, put_back)
