"""Sequencer, projection and monitor on real Kafka and PostgreSQL, and what their tests wait for."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import asyncpg
import httpx
from evote_anchors.anchor import AnchoredHead
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.events import (
    AnchorVerified,
    CheckpointAnchored,
    EventData,
    TamperingDetected,
    Topic,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_ledger_anchor.metrics import MonitorMetrics, SequencerMetrics
from evote_ledger_anchor.monitor.chains import WatchedContract
from evote_ledger_anchor.monitor.task import Monitor
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.sequencer import TRANSACTIONAL_ID, Sequencer
from evote_ledger_anchor.store import newest_checkpoint, newest_size
from evote_local.testbed import patiently
from evote_platform.clock import utc_now
from evote_platform.publication import text_to_the_minute
from evote_tlog.checkpoint import SigningKey
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from .fake_chain import CHAIN, FakeChain

BALLOTS = 12
"""How many a test casts before it tampers."""


class System:
    """Sequencer, projection and monitor on one Kafka and one database."""

    def __init__(
        self, kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey, state_file: Path | None
    ) -> None:
        self.kafka, self.database_url, self.pool, self.key = kafka, database_url, pool, key
        self.state_file = state_file
        self.producer = EventProducer(kafka, "test", utc_now)
        self.chain = FakeChain(key.verifier.name)
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
            contracts=[WatchedContract(self.chain, 0)],
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
            metrics=SequencerMetrics(CollectorRegistry()),
            batch_interval_s=0.05,
        )
        works = {
            "projection": self.monitor.reporting_losses(runner.run()),
            "sequencer": sequencer.run(),
            "monitor": self.monitor.run(),
            "findings": self.monitor.publish_what_is_left(),
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
        await patiently(lambda: self.has(goal))

    async def has(self, size: int) -> bool:
        return await newest_size(self.pool) >= size

    async def completed_passes(self, count: int) -> None:
        """So many passes that began from now on."""
        for _ in range(count):
            moment = utc_now().timestamp()
            await patiently(lambda moment=moment: self._passed(moment))  # type: ignore[misc]

    async def _passed(self, moment: float) -> bool:
        return self.metric("evote_ledger_monitor_last_pass_timestamp_seconds") > moment

    async def findings(self) -> list[TamperingDetected]:
        """All that were raised and that Kafka still has, in its order."""
        tail = EventTail(self.kafka, [Topic.LEDGER])
        start, end = await tail.begin_offsets(), await tail.end_offsets()
        records = [record async for record in tail.read(start, until=end)]
        datas = [record.envelope.data for record in records if isinstance(record, Record)]
        return [data for data in datas if isinstance(data, TamperingDetected)]

    async def finding(self, kind: str) -> TamperingDetected:
        """Wait for a finding of this kind, in Kafka and in the metric."""
        await patiently(lambda: self._raised(kind))
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
        held = self.chain.anchor(newest.size, root)
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

    await patiently(shown)
    items = (await client.get("/notices")).json()["items"]
    return next(item for item in items if item["finding"] == finding.finding)


async def check_notice(client: httpx.AsyncClient, finding: TamperingDetected) -> None:
    """What is shown is what was found, its time cut to the minute."""
    shown = await notice(client, finding)
    del shown["raised_at"]
    intact_at = None if finding.intact_at is None else text_to_the_minute(finding.intact_at)
    assert shown == {**finding.model_dump(exclude={"origin"}), "intact_at": intact_at}
