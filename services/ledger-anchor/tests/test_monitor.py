"""The monitor on a running system: each tampering gives the event in Kafka, the metric and the public notice."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.record.util import calc_crc32c_py
from aiokafka.structs import TopicPartition
from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead
from evote_eventlog.consumer import ProjectionMetrics, ProjectionRunner
from evote_eventlog.errors import LogTruncated, LogUnavailable
from evote_eventlog.events import (
    AnchorVerified,
    CheckpointAnchored,
    CheckpointSigned,
    EventData,
    LogEntry,
    TamperingDetected,
    Topic,
)
from evote_eventlog.kafka import DEFAULT_PARTITIONS, KafkaSettings, create_topics
from evote_eventlog.producer import EventProducer, TransactionalProducer
from evote_eventlog.record import Record
from evote_eventlog.replay import replay
from evote_eventlog.tail import EventTail
from evote_ledger_anchor.domain import sign_checkpoints
from evote_ledger_anchor.metrics import MonitorMetrics, SequencerMetrics
from evote_ledger_anchor.monitor.memory import UnusableMonitorState
from evote_ledger_anchor.monitor.partitions import CORRUPT
from evote_ledger_anchor.monitor.task import Monitor
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.store import newest_checkpoint, newest_size
from evote_local.kafka import KafkaNode
from evote_tlog.checkpoint import SigningKey
from evote_tlog.merkle import Frontier, leaf_hash
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CHAIN = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"
BALLOTS = 12


def utc_now() -> datetime:
    return datetime.now(UTC)


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait for what must come; the limit only ends a test that has failed."""
    async with asyncio.timeout(60):
        while not await condition():  # noqa: ASYNC110
            await asyncio.sleep(0.05)


class FakeChain:
    """A chain as a list of anchors: stands for a node where none runs."""

    chain, ledger = "ethereum", CHAIN

    def __init__(self) -> None:
        self.anchored: list[AnchoredHead] = []
        self.contract: Anchor | None = None

    def anchor(self, origin: str, size: int, root: bytes) -> AnchoredHead:
        block = len(self.anchored) + 1
        self.contract = Anchor(origin, size, root)
        held = AnchoredHead(self.contract, f"0x{size:064x}", block, f"0x{block:064x}", utc_now(), "0xabc")
        self.anchored.append(held)
        return held

    async def head(self) -> ChainHead:
        return ChainHead(len(self.anchored), len(self.anchored))

    async def newest(self, origin: str) -> Anchor | None:
        return self.contract

    async def anchors(self, origin: str, first_block: int, last_block: int) -> list[AnchoredHead]:
        return [held for held in self.anchored if first_block <= held.block <= last_block]


class System:
    """Sequencer, projection and monitor on one Kafka and one database."""

    def __init__(
        self, kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey, state_file: Path | None
    ) -> None:
        self.kafka, self.database_url, self.pool, self.key = kafka, database_url, pool, key
        self.state_file = state_file
        self.producer = EventProducer(kafka, "test", utc_now)
        self.chain = FakeChain()
        self.new_monitor()

    def new_monitor(self, producer: Any = None) -> None:
        """As after a restart of the service."""
        self.registry = CollectorRegistry()
        self.monitor = Monitor(
            kafka=self.kafka,
            database_url=SecretStr(self.database_url),
            pool=self.pool,
            producer=producer or self.producer,
            key=self.key.verifier,
            chains=[self.chain],
            clock=utc_now,
            metrics=MonitorMetrics(self.registry),
            interval_s=0.05,
            state_file=self.state_file,
        )

    def metric(self, name: str, **labels: str) -> float:
        return self.registry.get_sample_value(name, labels) or 0.0

    @asynccontextmanager
    async def running(self) -> AsyncIterator[dict[str, asyncio.Task[None]]]:
        """All three, until the block ends."""
        runner = ProjectionRunner(
            self.kafka,
            self.pool,
            LedgerProjection(self.key.verifier),
            self.producer,
            ProjectionMetrics(CollectorRegistry()),
        )
        sequencer = Sequencer(
            kafka=self.kafka,
            database_url=SecretStr(self.database_url),
            pool=self.pool,
            writer=TransactionalProducer(self.kafka, "ledger-anchor", utc_now, TRANSACTIONAL_ID),
            key=self.key,
            clock=utc_now,
            metrics=SequencerMetrics(CollectorRegistry()),
            batch_interval_s=0.05,
        )
        works = {
            "projection": self.monitor.reporting_truncation(runner.run()),
            "sequencer": sequencer.run(),
            "monitor": self.monitor.run(),
        }
        tasks = {name: asyncio.create_task(work) for name, work in works.items()}
        try:
            yield tasks
        finally:
            # As evote_platform.background does: a task may lose a cancellation.
            while not all(task.done() for task in tasks.values()):
                for task in tasks.values():
                    task.cancel()
                await asyncio.wait(tasks.values(), timeout=1)

    async def cast(self, events: Any, numbers: Sequence[int]) -> None:
        """Ballots that are in the log when this returns."""
        goal = await newest_size(self.pool) + len(numbers)
        for number in numbers:
            await self.producer.publish(events.ballot(number))
        await until(lambda: self.has(goal))

    async def has(self, size: int) -> bool:
        return await newest_size(self.pool) >= size

    async def completed_passes(self, count: int) -> None:
        """So many passes that began from now on."""
        for _ in range(count):
            moment = utc_now().timestamp()
            await until(lambda moment=moment: self._passed(moment))  # type: ignore[misc]

    async def _passed(self, moment: float) -> bool:
        return self.metric("evote_ledger_monitor_last_pass_timestamp_seconds") > moment

    async def findings(self) -> list[TamperingDetected]:
        """All that were raised, in Kafka's order."""
        tail = EventTail(self.kafka, [Topic.LEDGER])
        records = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
        datas = [record.envelope.data for record in records if isinstance(record, Record)]
        return [data for data in datas if isinstance(data, TamperingDetected)]

    async def finding(self, kind: str) -> TamperingDetected:
        """Wait for a finding of this kind, in Kafka and in the metric."""
        await until(lambda: self._raised(kind))
        assert self.metric("evote_ledger_tampering_detected_total", kind=kind) >= 1
        return next(finding for finding in await self.findings() if finding.kind == kind)

    async def _raised(self, kind: str) -> bool:
        return any(finding.kind == kind for finding in await self.findings())

    async def entry(self, index: int) -> tuple[str, int, int, bytes]:
        """Where the record at a log index stands, and its leaf."""
        row = await self.pool.fetchrow("SELECT * FROM entries WHERE log_index = $1", index)
        assert row is not None
        return row["topic"], row["partition"], row["record_offset"], row["leaf_hash"]

    async def publish(self, event: EventData) -> None:
        await self.producer.publish(event)

    async def anchor_newest(self) -> AnchoredHead:
        """As the anchorer will: on the chain, announced, verified."""
        newest = await newest_checkpoint(self.pool)
        assert newest is not None
        root = await self.pool.fetchval("SELECT root FROM checkpoints WHERE size = $1", newest.size)
        held = self.chain.anchor(self.key.verifier.name, newest.size, root)
        facts = {
            "origin": self.key.verifier.name,
            "chain": "ethereum",
            "ledger": CHAIN,
            "size": newest.size,
            "root": root.hex(),
            "transaction": held.transaction,
            "block": held.block,
            "block_hash": held.block_hash,
        }
        await self.publish(CheckpointAnchored(**facts, block_time="2026-11-25T00:00:00.000Z", anchorer=held.anchorer))
        await self.publish(AnchorVerified(**facts))
        return held


async def notice(client: httpx.AsyncClient, finding: TamperingDetected) -> dict[str, Any]:
    """Wait for the public notice of a finding."""

    async def shown() -> bool:
        return finding.finding in {item["finding"] for item in (await client.get("/notices")).json()["items"]}

    await until(shown)
    items = (await client.get("/notices")).json()["items"]
    return next(item for item in items if item["finding"] == finding.finding)


async def check_notice(client: httpx.AsyncClient, finding: TamperingDetected) -> None:
    shown = await notice(client, finding)
    del shown["raised_at"]
    assert shown == finding.model_dump(exclude={"origin"})


@pytest.fixture
async def system(
    kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey, tmp_path: Path
) -> AsyncIterator[System]:
    system = System(kafka, database_url, pool, key, tmp_path / "monitor.json")
    await system.producer.start()
    yield system
    await system.producer.stop()


async def test_a_busy_system_has_no_finding(system: System, events: Any) -> None:
    async def cast() -> None:
        for number in range(100_000):
            await system.producer.publish(events.ballot(number))
            await system.producer.publish(events.ballot(number // 2))
            await system.producer.publish(events.authenticated(number))
            await system.producer.publish(events.credentials(number))

    async with system.running():
        casting = asyncio.create_task(cast())
        try:
            for _ in range(5):
                size = await newest_size(system.pool)
                await until(lambda size=size: system.has(size + 1))  # type: ignore[misc]
                await system.anchor_newest()
                await system.completed_passes(3)
            await replay(system.kafka, system.pool, LedgerProjection(system.key.verifier), lambda done, total: None)
            await system.completed_passes(3)
        finally:
            casting.cancel()
            await asyncio.wait([casting])
        await system.completed_passes(2)
    assert await system.findings() == []
    assert system.metric("evote_ledger_monitor_entries") == await newest_size(system.pool) > 20
    assert system.metric("evote_ledger_monitor_chain_readable", ledger=CHAIN) == 1


SWAP_ENTRIES = """
UPDATE entries SET log_index = -1 WHERE log_index = 3; UPDATE entries SET log_index = 3 WHERE log_index = 7;
UPDATE entries SET log_index = 7 WHERE log_index = -1"""
SWAP_RECORDS = """
UPDATE records SET value = other.value FROM records other
WHERE (records.topic, records.partition) = (other.topic, other.partition) AND records.topic = 'elections'
AND records.record_offset + other.record_offset = 1"""
AT_3 = "(topic, partition, record_offset) = (SELECT topic, partition, record_offset FROM entries WHERE log_index = 3)"
AT_BALLOT = "(topic, partition, record_offset) IN (SELECT 'ballots', partition, record_offset FROM entries LIMIT 4)"
TABLES = "PostgreSQL ledger."


@pytest.mark.parametrize(
    ("tampering", "kind", "where"),
    [
        (
            f"UPDATE records SET value = value || '\\x00' WHERE {AT_3}",
            "entry-changed",
            "records {record} (log index 3)",
        ),
        (
            f"UPDATE records SET ballot_digest = NULL, ballot_election = NULL WHERE {AT_BALLOT}",
            "entry-changed",
            "records ballots/",
        ),
        (f"DELETE FROM records WHERE {AT_3}", "entry-dropped", "records {record} (log index 3)"),
        (SWAP_RECORDS, "entries-reordered", "records elections/0 offset 0 (log index "),
        ("UPDATE entries SET leaf_hash = sha256('') WHERE log_index = 3", "entry-changed", "entries, log index 3"),
        ("DELETE FROM entries WHERE log_index = 3", "entry-dropped", "entries, log index 3"),
        (SWAP_ENTRIES, "entries-reordered", "entries, log index 3"),
        ("UPDATE tiles SET hashes = set_byte(hashes, 97, 1 - get_byte(hashes, 97) % 2)", "entry-changed", "tiles, "),
        ("DELETE FROM tiles", "entry-dropped", "tiles, tile/0/000 hash 0"),
        ("UPDATE checkpoints SET root = sha256('')", "entry-changed", "checkpoints, size "),
        ("UPDATE checkpoints SET note = note || note", "entry-changed", "checkpoints, size "),
        ("DELETE FROM checkpoints WHERE size = (SELECT min(size) FROM checkpoints)", "entry-dropped", "checkpoints, "),
        ("DELETE FROM anchors", "entry-dropped", f"anchors, {CHAIN} size "),
        ("UPDATE anchors SET block_hash = '0x00'", "entry-changed", f"anchors, {CHAIN} size "),
    ],
)
async def test_tampering_with_a_table_is_found(
    system: System, events: Any, client: httpx.AsyncClient, tampering: str, kind: str, where: str
) -> None:
    async with system.running():
        await system.publish(events.closed())
        await system.publish(events.closed(election=events.other_election))
        await system.cast(events, range(BALLOTS))
        await system.anchor_newest()
        await until(lambda: _anchored(system))
        await system.completed_passes(1)
        topic, partition, offset, _ = await system.entry(3)
        await system.pool.execute(tampering)
        finding = await system.finding(kind)
        await check_notice(client, finding)
        await system.completed_passes(2)
    assert finding.where.startswith(TABLES + where.format(record=f"{topic}/{partition} offset {offset}"))
    assert finding.intact_at is not None
    ids = [finding.finding for finding in await system.findings()]
    assert len(ids) == len(set(ids))


async def _anchored(system: System) -> bool:
    return bool(await system.pool.fetchval("SELECT bool_and(verified) FROM anchors"))


async def test_a_notice_that_is_deleted_is_found(system: System, events: Any, client: httpx.AsyncClient) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        first = await system.finding("entry-dropped")
        await notice(client, first)
        await system.pool.execute("DELETE FROM notices")
        await until(lambda: _count(system, 2))
        second = (await system.findings())[1]
        await check_notice(client, second)
    assert second.where == f"PostgreSQL ledger.notices, finding {first.finding}"


async def _count(system: System, count: int) -> bool:
    return len(await system.findings()) >= count


async def test_a_finding_is_raised_once_also_over_restarts(system: System, events: Any) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        await system.finding("entry-dropped")
        await system.completed_passes(2)
    system.new_monitor()
    async with system.running():
        await system.completed_passes(2)
        assert system.metric("evote_ledger_tampering_standing", kind="entry-dropped") == 1
    assert len(await system.findings()) == 1
    assert system.metric("evote_ledger_tampering_detected_total", kind="entry-dropped") == 0


class UnreliableProducer:
    """Loses the first publishes."""

    def __init__(self, producer: EventProducer, losses: int) -> None:
        self._producer = producer
        self.losses = losses

    async def publish(self, event: EventData) -> Record:
        if self.losses:
            self.losses -= 1
            raise LogUnavailable("lost")
        return await self._producer.publish(event)


async def test_a_finding_that_kafka_did_not_take_is_shown_at_once_and_published_later(
    system: System, events: Any
) -> None:
    producer = UnreliableProducer(system.producer, losses=10_000)
    system.new_monitor(producer)
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        await until(lambda: _unpublished(system))
        assert system.metric("evote_ledger_tampering_detected_total", kind="entry-dropped") == 1
        assert await system.findings() == []
        producer.losses = 0
        await system.finding("entry-dropped")
        await system.completed_passes(2)
    assert len(await system.findings()) == 1
    assert not await _unpublished(system)


async def _unpublished(system: System) -> bool:
    return system.metric("evote_ledger_tampering_unpublished") > 0


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
        held = system.chain.anchor(system.key.verifier.name, 1000, bytes(32))
        finding = await system.finding("anchor-unrequested")
        await check_notice(client, finding)
    assert finding.where == f"{CHAIN} block 2 transaction {held.transaction}"


async def test_a_chain_with_another_root_is_found(system: System, events: Any, client: httpx.AsyncClient) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        system.chain.anchor(system.key.verifier.name, await newest_size(system.pool), bytes(32))
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


async def test_a_topic_that_is_made_anew_is_found_though_the_projection_ends(system: System, events: Any) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
    admin = AIOKafkaAdminClient(bootstrap_servers=system.kafka.bootstrap_servers)
    await admin.start()
    try:
        name = system.kafka.topic_name(Topic.BALLOTS)
        await admin.delete_topics([name])
        async with asyncio.timeout(30):
            while name in await admin.list_topics():  # noqa: ASYNC110
                await asyncio.sleep(0.1)
    finally:
        await admin.close()
    await create_topics(system.kafka, {Topic.BALLOTS: 3})
    system.new_monitor()
    async with system.running() as tasks:
        with pytest.raises(LogTruncated):
            await tasks["projection"]
        finding = await system.finding("log-rolled-back")
    assert finding.where.startswith("Kafka ballots/")


# What follows changes the files of a broker that stands still.


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


async def test_a_byte_that_is_edited_in_kafkas_files_is_found(
    own_system: System, own_node: KafkaNode, events: Any, client: httpx.AsyncClient
) -> None:
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
    old, new = b'\\"number\\":3,', b'\\"number\\":4,'
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
        segment.write_bytes(segment.read_bytes().replace(b'\\"number\\":3,', b'\\"number\\":4,'))

    await restart(system, own_node, edit)
    async with system.running():
        finding = await system.finding("entry-changed")
        await check_notice(client, finding)
    _, _, offset, _ = await system.entry(3)
    assert (finding.where, finding.found) == (f"Kafka ballots/0 offset {offset}", CORRUPT)


async def test_a_segment_that_was_cut_off_is_found_though_the_projection_ends(
    own_system: System, own_node: KafkaNode, events: Any
) -> None:
    system = own_system
    async with system.running():
        await system.cast(events, range(BALLOTS))
    await restart(system, own_node, lambda data: cut_off_last_batch(data / "evote.ballots-0" / SEGMENT))
    async with system.running() as tasks:
        with pytest.raises(LogTruncated):
            await tasks["projection"]
        await until(lambda: _raised_at(system, "Kafka ballots/0"))
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
    own_system: System, own_node: KafkaNode, events: Any, tmp_path: Path
) -> None:
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


async def test_one_replica_monitors_and_another_takes_over(system: System, events: Any) -> None:
    first, metrics = system.monitor, system.registry
    system.new_monitor()
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
        other = asyncio.create_task(first.run())
        try:
            await system.completed_passes(3)
            assert not metrics.get_sample_value("evote_ledger_monitor_leading")
            await system.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evote-ledger-monitor'"
                " AND datname = current_database()"
                " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
            )
            await until(lambda: _leads(metrics))
        finally:
            other.cancel()
            await asyncio.wait([other])


async def _leads(metrics: CollectorRegistry) -> bool:
    return metrics.get_sample_value("evote_ledger_monitor_leading") == 1


async def test_rows_that_break_the_looking_do_not_end_the_service(system: System, events: Any) -> None:
    async with system.running() as tasks:
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
        await system.pool.execute("INSERT INTO consumer_offsets VALUES ('ledger', 'no such topic', 0, 5)")
        await system.pool.execute("INSERT INTO records VALUES ('no such topic', 0, 0, '')")
        await system.pool.execute("INSERT INTO entries VALUES (-5, 'none', -1, -1, '')")
        await system.pool.execute("INSERT INTO tiles VALUES (-1, -1, '\\x00')")
        await system.pool.execute("INSERT INTO checkpoints VALUES (-1, '', '')")
        await system.completed_passes(2)
        assert not any(task.done() for task in tasks.values())
    places = {finding.where for finding in await system.findings()}
    assert places == {
        "PostgreSQL ledger.entries, log index -5",
        "PostgreSQL ledger.tiles, tile/-1/-01 hash 0",
        "PostgreSQL ledger.checkpoints, size -1",
    }


async def test_a_memory_that_was_changed_is_refused(system: System, events: Any) -> None:
    assert system.state_file is not None
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(2)
    state = system.state_file.read_text()
    system.state_file.write_text(state.replace(f"\\n{BALLOTS}\\n", f"\\n{BALLOTS - 1}\\n"))
    with pytest.raises(UnusableMonitorState):
        system.new_monitor()
    system.state_file.write_text("{")
    with pytest.raises(UnusableMonitorState):
        system.new_monitor()
