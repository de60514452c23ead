"""A broker that a test may kill, and a projection that shows every application of an event."""

from __future__ import annotations

import asyncio
import functools
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, asynccontextmanager
from datetime import datetime
from pathlib import Path

import asyncpg
import pytest
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import BallotAccepted, BallotOrder, ElectionClosed, OrderSignature, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.offsets import OFFSETS_TABLE_SQL
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.topics import create_topics
from evote_local.nodes.kafka import KafkaNode
from evote_platform.clock import utc_now
from prometheus_client import CollectorRegistry

ELECTION = "1" * 14


class BallotsProjection:
    """One row for each application: an event applied twice shows as two rows."""

    mended = False
    name = "ballots-test"
    topics = frozenset({Topic.BALLOTS, Topic.ELECTIONS})
    tables = ("applied",)

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        data = record.envelope.data
        if isinstance(data, BallotAccepted):
            await connection.execute(
                "INSERT INTO applied VALUES ($1, $2, $3, $4)",
                *record.position[1:],
                data.credential,
                data.tracker,
            )
            if data.tracker == "poison":
                raise PoisonError("the tracker is poison")
            if data.tracker == "bug" and not self.mended:
                raise KeyError("a bug of the projection")


SCHEMA = f"""
{OFFSETS_TABLE_SQL};
CREATE TABLE applied (
    partition integer, "offset" bigint, credential text, tracker text CHECK (tracker <> 'refused')
);
"""


def ballot(number: int, *, tracker: str | None = None) -> BallotAccepted:
    return BallotAccepted(
        election_uuid=ELECTION,
        credential=f"credential-{number % 20}",
        tracker=tracker if tracker is not None else f"tracker-{number}",
        ballot="{}",
        order=BallotOrder(number=1, signature=OrderSignature(challenge="0", response="0")),
    )


def election_closed() -> ElectionClosed:
    return ElectionClosed(election_uuid=ELECTION, reason="officer")


@pytest.fixture
def new_ballot() -> Callable[..., BallotAccepted]:
    return ballot


@pytest.fixture
def new_close() -> Callable[[], ElectionClosed]:
    return election_closed


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[KafkaNode]:
    """A Kafka of this test alone, to be killed."""
    node = KafkaNode(tmp_path / "kafka")
    node.start()
    yield node
    node.kill()


@pytest.fixture
async def broker_settings(broker: KafkaNode, patience: ExitStack) -> KafkaSettings:
    settings = KafkaSettings(broker.bootstrap_servers)
    await create_topics(settings, {topic: 2 if topic is Topic.BALLOTS else 1 for topic in Topic})
    return settings


@pytest.fixture
async def producer(kafka: KafkaSettings) -> AsyncIterator[EventProducer]:
    producer = EventProducer(kafka, "test", utc_now)
    await producer.start()
    yield producer
    await producer.stop()


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    """A database with the schema of the projection."""
    async with asyncpg.create_pool(database_url, min_size=1, max_size=8) as pool:
        await pool.execute(SCHEMA)
        yield pool


def make_runner(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    projection: object | None = None,
    **options: object,
) -> ProjectionRunner:
    metrics = ProjectionMetrics(CollectorRegistry())
    return ProjectionRunner(kafka, pool, projection or BallotsProjection(), producer, metrics, **options)


@asynccontextmanager
async def run_projection(
    kafka: KafkaSettings, pool: asyncpg.Pool, producer: EventProducer, projection: object | None = None
) -> AsyncIterator[ProjectionRunner]:
    runner = make_runner(kafka, pool, producer, projection)
    task = asyncio.create_task(runner.run())
    try:
        yield runner
        if task.done():
            task.result()
    finally:
        task.cancel()
        await asyncio.wait([task])


@pytest.fixture
def running(producer: EventProducer) -> Callable[..., object]:
    """``async with running(kafka, pool)``: a runner at work."""
    return functools.partial(run_projection, producer=producer)


@pytest.fixture
def own_running() -> Callable[..., object]:
    """``async with own_running(kafka, pool, producer)``: the same with a producer of the test's own."""
    return run_projection


@pytest.fixture
def new_runner() -> Callable[..., ProjectionRunner]:
    """A runner that does not run yet."""
    return make_runner


@pytest.fixture
def projection() -> BallotsProjection:
    return BallotsProjection()


@pytest.fixture
def schema() -> str:
    return SCHEMA


@pytest.fixture
def clock() -> Callable[[], datetime]:
    return utc_now
