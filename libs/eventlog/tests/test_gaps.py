"""A log with a gap is an error that names it, for every reader: on real brokers that lose records."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from contextlib import AbstractAsyncContextManager
from datetime import datetime

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from evote_eventlog import reading
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import LogGap, LogTruncated
from evote_eventlog.events import BallotAccepted, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import Projection
from evote_eventlog.reading import Epoch, LogReader, consumer_options, held_of, kafka_partition, stop_consumer
from evote_eventlog.record import LogPartition
from evote_eventlog.replay import replay
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.kafka_sabotage import cut_out, delete_head
from evote_local.testbed import eventually

from .brokers import start_again

pytestmark = pytest.mark.stack

NewBallot = Callable[..., BallotAccepted]
NewRunner = Callable[..., ProjectionRunner]
Running = Callable[..., AbstractAsyncContextManager[ProjectionRunner]]

PARTITION = 0
BALLOTS = LogPartition(Topic.BALLOTS, PARTITION)


@pytest.fixture
async def beheaded(kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot) -> KafkaSettings:
    """Ten ballots were acknowledged, and the first four are not there any more."""
    for number in range(10):
        await producer.publish(new_ballot(number), partition=PARTITION)
    await delete_head(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), PARTITION, 4)
    return kafka


def assert_names_the_head(gap: LogGap) -> None:
    assert (gap.topic, gap.partition, gap.first, gap.behind) == ("ballots", PARTITION, 0, 4)
    assert "ballots/0: offsets 0 to 3 are missing" in str(gap)


async def read_all(kafka: KafkaSettings) -> list[int]:
    tail = EventTail(kafka, [Topic.BALLOTS])
    async with asyncio.timeout(60):
        records = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
    return [record.position.offset for record in records]


async def test_a_reader_from_the_beginning_misses_the_deleted_head(beheaded: KafkaSettings) -> None:
    with pytest.raises(LogGap) as gap:
        await read_all(beheaded)
    assert_names_the_head(gap.value)


async def test_a_look_misses_the_deleted_head_too(beheaded: KafkaSettings) -> None:
    async with EventTail(beheaded, [Topic.BALLOTS]).looks({}) as look:
        for _ in range(2):
            with pytest.raises(LogGap) as gap:
                await look()
            assert_names_the_head(gap.value)


async def test_a_replay_refuses_a_log_without_its_head_and_empties_nothing(
    beheaded: KafkaSettings, pool: asyncpg.Pool, projection: Projection
) -> None:
    """It ended well, with 55 of 63 ballots."""
    await pool.execute("INSERT INTO applied VALUES (0, 0, 'kept', 'kept')")
    await pool.execute("INSERT INTO consumer_offsets VALUES ('ballots-test', 'ballots', 0, 10)")
    with pytest.raises(LogGap) as gap:
        await replay(beheaded, pool, projection, lambda done, total: None)
    assert_names_the_head(gap.value)
    assert await pool.fetchval("SELECT count(*) FROM applied") == 1
    assert await pool.fetchval("SELECT next_offset FROM consumer_offsets") == 10


@pytest.mark.parametrize("been_at", [None, 0, 3])
async def test_a_projection_that_has_not_been_past_the_gap_stops_and_is_not_ready(
    been_at: int | None, beheaded: KafkaSettings, pool: asyncpg.Pool, producer: EventProducer, new_runner: NewRunner
) -> None:
    if been_at is not None:
        await pool.execute("INSERT INTO consumer_offsets VALUES ('ballots-test', 'ballots', 0, $1)", been_at)
    runner = new_runner(beheaded, pool, producer)
    with pytest.raises(LogGap) as gap:
        async with asyncio.timeout(60):
            await runner.run()
    assert (gap.value.first, gap.value.behind) == (been_at or 0, 4)
    assert not await runner.caught_up()
    assert await pool.fetchval("SELECT count(*) FROM applied") == 0


async def test_a_projection_that_has_been_past_the_gap_goes_on(
    beheaded: KafkaSettings, pool: asyncpg.Pool, running: Running
) -> None:
    await pool.execute("INSERT INTO consumer_offsets VALUES ('ballots-test', 'ballots', 0, 4)")
    async with running(beheaded, pool) as runner:

        async def at_the_end() -> bool:
            return await runner.caught_up() and await runner.lag() == 0

        await eventually(at_the_end)
    assert [row["offset"] for row in await pool.fetch('SELECT "offset" FROM applied ORDER BY 1')] == list(range(4, 10))


async def test_a_hole_within_a_partition_is_found_by_every_reader(
    broker: KafkaNode,
    broker_settings: KafkaSettings,
    pool: asyncpg.Pool,
    projection: Projection,
    new_runner: NewRunner,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
) -> None:
    """A disk that lost a batch, or a person with access to it: the broker starts and serves the rest."""
    producer = EventProducer(broker_settings, "test", clock)
    for number in range(10):
        await producer.publish(new_ballot(number), partition=PARTITION)
    await producer.stop()
    broker.stop()
    cut_out(broker.directory / "data", broker_settings.topic_name(Topic.BALLOTS), PARTITION, 6)
    await start_again(broker, broker_settings)
    producer = EventProducer(broker_settings, "test", clock)
    runner = new_runner(broker_settings, pool, producer)
    for readers_way in (
        read_all(broker_settings),
        runner.run(),
        replay(broker_settings, pool, projection, lambda done, total: None),
    ):
        with pytest.raises(LogGap) as gap:
            async with asyncio.timeout(60):
                await readers_way
        assert (gap.value.topic, gap.value.partition, gap.value.first, gap.value.behind) == ("ballots", PARTITION, 6, 7)
    await producer.stop()
    assert [row["offset"] for row in await pool.fetch('SELECT "offset" FROM applied ORDER BY 1')] == list(range(6))


@pytest.mark.parametrize("lost", [0, 1, 3])
async def test_records_that_others_took_the_places_of_are_missed_by_who_read_them(
    lost: int,
    broker: KafkaNode,
    broker_settings: KafkaSettings,
    pool: asyncpg.Pool,
    new_runner: NewRunner,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A leader without what its followers had: its log is as long again before a reader has looked."""
    monkeypatch.setattr(reading, "_TRUNCATED_AFTER_S", 1e6)  # nothing is concluded from the log's end

    async def publish(*numbers: int) -> None:
        producer = EventProducer(broker_settings, "test", clock)
        await producer.start()
        for number in numbers:
            await producer.publish(new_ballot(number), partition=PARTITION)
        await producer.stop()

    async def applied(count: int) -> bool:
        return int(await pool.fetchval("SELECT count(*) FROM applied")) == count

    await publish(*range(10))
    producer = EventProducer(broker_settings, "test", clock)
    running = asyncio.create_task(new_runner(broker_settings, pool, producer).run())
    try:
        async with EventTail(broker_settings, [Topic.BALLOTS]).looks({}) as look:
            while look.missed or not await look():
                pass
            await eventually(lambda: applied(10))
            broker.stop()
            for offset in range(10 - lost, 10):
                cut_out(broker.directory / "data", broker_settings.topic_name(Topic.BALLOTS), PARTITION, offset)
            await start_again(broker, broker_settings)
            await publish(*range(20, 21 + lost))
            if not lost:
                assert [len(batch.records) for batch in await look()] == [1]
                await eventually(lambda: applied(11))
                return
            with pytest.raises(LogTruncated) as seen:
                await look()
            with pytest.raises(LogTruncated) as projected:
                async with asyncio.timeout(60):
                    await running
            for stop in (seen.value, projected.value):
                assert (stop.topic, stop.partition, stop.applied, stop.found) == ("ballots", PARTITION, 10, 9)
            assert await applied(10)
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_transactions_leave_in_a_partition_is_no_gap(
    kafka: KafkaSettings, new_ballot: NewBallot, clock: Callable[[], datetime]
) -> None:
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    committed: list[int] = []
    for number in range(3):
        written = await writer.publish_all([new_ballot(0), new_ballot(0)])
        committed += [record.position.offset for record in written]
        assert writer._producer is not None
        await writer._producer.begin_transaction()
        for record in written[: number + 1]:
            topic = kafka.topic_name(Topic.BALLOTS)
            await writer._producer.send_and_wait(topic, record.value, key=b"credential-0")
        await writer._producer.abort_transaction()
    await writer.stop()
    assert await read_all(kafka) == committed


async def test_who_fetched_of_a_partition_before_it_was_theirs_misses_no_change_of_leader(
    broker: KafkaNode, broker_settings: KafkaSettings, new_ballot: NewBallot, clock: Callable[[], datetime]
) -> None:
    """A broker comes back, the group meets again a while later, and the consumer has fetched when it is told of it."""
    place, epochs = kafka_partition(broker_settings, BALLOTS), dict[TopicPartition, Epoch]()

    async def publish(numbers: Iterable[int]) -> None:
        producer = EventProducer(broker_settings, "test", clock)
        for number in numbers:
            await producer.publish(new_ballot(number), partition=PARTITION)
        await producer.stop()

    async def read(reader: LogReader, start: int) -> list[int]:
        async with asyncio.timeout(60):
            while not (batches := await reader.next_batches({place: start}, timeout_ms=100)):
                pass
        return [record.position.offset for _, batch in batches for record in batch.records]

    async def consumer_at(start: int) -> AIOKafkaConsumer:
        consumer = AIOKafkaConsumer(**consumer_options(broker_settings))
        await consumer.start()
        consumer.assign([place])
        consumer.seek(place, start)
        return consumer

    await publish(range(2))
    consumer = await consumer_at(0)
    assert await read(LogReader(broker_settings, consumer, epochs), 0) == [0, 1]
    await stop_consumer(consumer)
    before = epochs[place].number
    broker.stop()
    await start_again(broker, broker_settings)
    await publish(range(2, 5))
    consumer = await consumer_at(2)

    async def fetched() -> bool:
        return BALLOTS in held_of(broker_settings, consumer)

    await eventually(fetched)
    reader = LogReader(broker_settings, consumer, epochs)
    assert await read(reader, 2) == [2, 3, 4]
    await publish([5])
    assert await read(reader, 5) == [5]
    assert epochs[place].number > before
    await stop_consumer(consumer)
