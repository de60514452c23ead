"""Projections on a real Kafka and PostgreSQL: each event once, whatever dies; poison stops nobody."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.errors import NotLeaderForPartitionError
from evote_eventlog import consumer as consumers
from evote_eventlog import reading
from evote_eventlog.batches import BrokenBatch, fetch_from
from evote_eventlog.consumer import ProjectionRunner, _Place
from evote_eventlog.errors import ApplyFailed, LogTruncated, LogUnavailable
from evote_eventlog.events import BallotAccepted, DeadLetter, ElectionClosed, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import BatchApplier, Projection
from evote_eventlog.reading import kafka_partition
from evote_eventlog.record import LogPartition, PoisonRecord, Record
from evote_eventlog.replay import replay
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_local.faults import BrokenWrite, breaking, every_fault
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import ChildProcess
from evote_local.testbed import eventually
from structlog.testing import capture_logs

from .brokers import start_again, until_readable

pytestmark = pytest.mark.stack

NewBallot = Callable[..., BallotAccepted]
Running = Callable[..., AbstractAsyncContextManager[ProjectionRunner]]


async def rows(pool: asyncpg.Pool) -> list[tuple[int, int]]:
    """The positions that were applied, as often as they were."""
    found = await pool.fetch('SELECT partition, "offset" FROM applied ORDER BY 1, 2')
    return [(row["partition"], row["offset"]) for row in found]


async def dump(pool: asyncpg.Pool) -> list[tuple[object, ...]]:
    tables = [
        "SELECT * FROM applied ORDER BY 1, 2",
        "SELECT * FROM consumer_offsets ORDER BY 1, 2, 3",
    ]
    return [tuple(row) for table in tables for row in await pool.fetch(table)]


def positions(records: list[Record]) -> list[tuple[int, int]]:
    return sorted((record.position.partition, record.position.offset) for record in records)


def level(pool: asyncpg.Pool, records: list[Record]) -> Callable[[], Awaitable[bool]]:
    """Whether as many rows are there as records were written."""

    async def reached() -> bool:
        return len(await rows(pool)) >= len(records)

    return reached


async def dead_letters(kafka: KafkaSettings) -> list[DeadLetter]:
    tail = EventTail(kafka, [Topic.DEAD_LETTER])
    records = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
    return [record.envelope.data for record in records if isinstance(record.envelope.data, DeadLetter)]


async def test_events_written_before_and_after_the_start_are_applied_once(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    written = [await producer.publish(new_ballot(number)) for number in range(20)]
    async with running(kafka, pool):
        await eventually(level(pool, written))
        written += [await producer.publish(new_ballot(number)) for number in range(20, 40)]
        await eventually(level(pool, written))
    async with running(kafka, pool) as runner:  # again, from the offsets
        await eventually(runner.caught_up)
    assert await rows(pool) == positions(written)


@pytest.mark.parametrize("tracker", [None, "poison"], ids=["together", "one by one"])
async def test_who_waits_for_an_event_hears_of_it_when_the_tables_show_it(
    tracker: str | None,
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    new_ballot: NewBallot,
) -> None:
    heard: asyncio.Queue[set[str]] = asyncio.Queue()
    runner = new_runner(kafka, pool, producer, on_applied=lambda types: heard.put_nowait(set(types)))
    running = asyncio.create_task(runner.run())
    try:
        for number in range(3):
            if tracker is not None:
                await producer.publish(new_ballot(number, tracker=tracker), partition=0)
            await producer.publish(new_ballot(number), partition=0)
            async with asyncio.timeout(60):
                while BallotAccepted.type_name() not in await heard.get():
                    pass
            assert len(await rows(pool)) == number + 1
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_what_is_awaited_ends_the_rest_between_two_rounds_and_nothing_else_does(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    new_ballot: NewBallot,
    new_close: Callable[[], ElectionClosed],
) -> None:
    heard: list[set[str]] = []

    async def hears(name: str) -> bool:
        return any(name in types for types in heard)

    runner = new_runner(
        kafka,
        pool,
        producer,
        round_s=3600.0,
        awaited=[Topic.ELECTIONS],
        on_applied=lambda types: heard.append(set(types)),
    )
    running = asyncio.create_task(runner.run())
    try:
        written = [await producer.publish(new_ballot(0), partition=0)]
        await eventually(level(pool, written))
        for number in (1, 2):
            heard.clear()
            written.append(await producer.publish(new_ballot(number), partition=number))
            await until_readable(kafka, written[-1:])
            assert heard == []
            await producer.publish(new_close())
            await eventually(level(pool, written))
            for event in (BallotAccepted, ElectionClosed):  # the tables show it a moment before anybody hears of it
                await eventually(partial(hears, event.type_name()))
            assert set().union(*heard) == {BallotAccepted.type_name(), ElectionClosed.type_name()}
    finally:
        running.cancel()
        await asyncio.wait([running])


async def test_a_rest_keeps_nobody_from_hearing_how_far_the_tables_are(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    new_ballot: NewBallot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Both ask by one connection, on which a broker answers one after the other."""
    resting = asyncio.Event()

    def ask(*arguments: Any, **options: Any) -> Awaitable[Any]:
        asyncio.get_running_loop().call_soon(resting.set)
        return fetch_from(*arguments, **options)

    monkeypatch.setattr(consumers, "fetch_from", ask)
    # The client's own patience with a broker would end, after ten seconds, what is not to last at all.
    options = consumers.consumer_options
    patient = {"request_timeout_ms": 3_600_000}
    monkeypatch.setattr(consumers, "consumer_options", lambda kafka: {**options(kafka), **patient})
    runner = new_runner(kafka, pool, producer, round_s=3600.0, awaited=[Topic.ELECTIONS])
    running = asyncio.create_task(runner.run())
    try:
        await producer.publish(new_ballot(0))
        async with asyncio.timeout(60):
            await resting.wait()
        await eventually(runner.caught_up)
    finally:
        running.cancel()
        await asyncio.wait([running])


@pytest.mark.parametrize(
    "questions",
    [
        [[False, False], [False, True]],
        [[False, False], [False, BrokenBatch(0)]],
        [[NotLeaderForPartitionError(), True]],
        [[NotLeaderForPartitionError(), False], [True]],
    ],
    ids=["something", "damaged", "something behind a fault", "something after a fault"],
)
async def test_neither_one_without_anything_nor_a_fault_hides_what_another_has(
    questions: list[list[bool | Exception]],
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A leader that has something answers at once, and that is known when each of the others has answered."""
    runner = new_runner(kafka, pool, producer, awaited=[Topic.ELECTIONS, Topic.TALLY])
    runner._places = {
        kafka_partition(kafka, LogPartition(topic, 0)): _Place(0) for topic in (Topic.ELECTIONS, Topic.TALLY)
    }
    waits: list[int] = []

    async def fetch(
        _: object, places: Mapping[TopicPartition, int], *, wait_ms: int, **__: object
    ) -> Mapping[TopicPartition, Callable[[], bool]]:
        answers = zip(places, questions[len(waits)], strict=True)
        waits.append(wait_ms)
        return {partition: partial(told, answer) for partition, answer in answers}

    def told(answer: bool | Exception) -> bool:
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(consumers, "fetch_from", fetch)
    async with asyncio.timeout(60):
        await runner._rest(cast(AIOKafkaConsumer, None), 3600.0)
    assert waits == [250] * len(questions)


async def test_replicas_that_come_and_go_apply_each_event_once(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    written: list[Record] = []

    async def write(count: int) -> None:
        for _ in range(count):
            written.append(await producer.publish(new_ballot(len(written))))

    async def write_until_it_takes_part(runner: ProjectionRunner) -> None:
        while not runner._places:
            await write(10)
        await write(50)

    async with running(kafka, pool) as first:
        await write_until_it_takes_part(first)
        async with running(kafka, pool) as second:
            await write_until_it_takes_part(second)
            async with running(kafka, pool) as third:
                await write_until_it_takes_part(third)
            await write(50)
        await write(50)
        await eventually(level(pool, written))
    assert await rows(pool) == positions(written)


async def test_two_owners_of_one_partition_apply_its_batch_once(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    projection: Projection,
    new_ballot: NewBallot,
) -> None:
    """What a rebalance can do when the old owner is slow to hear of it."""
    written = [await producer.publish(new_ballot(number), partition=0) for number in range(50)]

    async def unexpected(poison: PoisonRecord) -> None:
        raise AssertionError(poison)

    tail = EventTail(kafka, [Topic.BALLOTS])
    batches = [batch async for batch in tail.batches("earliest", until=await tail.end_offsets())]
    appliers = [BatchApplier(pool, projection, unexpected) for _ in range(4)]
    for batch in batches:
        results = await asyncio.gather(*(applier.apply(batch) for applier in appliers))
        assert sorted(result.events.total() for result in results) == [0, 0, 0, len(batch.records)]
    assert await rows(pool) == positions(written)


@pytest.mark.parametrize("broken", every_fault("a projection applies a batch"), ids=str)
async def test_a_batch_whose_write_broke_is_applied_once_and_its_poison_is_kept(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    new_ballot: NewBallot,
    broken: BrokenWrite,
) -> None:
    good = [await producer.publish(new_ballot(number), partition=0) for number in range(10)]
    await producer.publish(new_ballot(10, tracker="poison"), partition=0)
    runner = new_runner(kafka, pool, producer)
    with breaking(broken) as seen:
        projecting = asyncio.create_task(runner.run())
        await eventually(level(pool, good))
        await eventually(runner.caught_up)
        projecting.cancel()
        await asyncio.wait([projecting])
    assert seen.reached == [broken]
    assert await rows(pool) == positions(good)
    assert {letter.original_offset for letter in await dead_letters(kafka)} == {10}, "perhaps twice, never not at all"


async def test_poison_goes_to_the_dead_letters_with_its_reason_and_stops_nobody(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
    new_close: Callable[[], ElectionClosed],
) -> None:
    foreign = (await producer.publish(new_close())).value
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers, max_request_size=2**21) as raw:
        topic = kafka.topic_name(Topic.BALLOTS)
        for value in [b"no JSON", None, foreign, b"x" * 1_500_000]:
            await raw.send_and_wait(topic, value, key=b"k", partition=0)
    await producer.publish(new_ballot(1, tracker="poison"), partition=0)
    good = [await producer.publish(new_ballot(2), partition=partition) for partition in range(3)]
    async with running(kafka, pool) as runner:
        await eventually(level(pool, good))
        await eventually(runner.caught_up)
        metric = runner._metrics.dead_letters.labels("ballots-test")
        assert metric._value.get() == 5
    assert await rows(pool) == positions(good)
    letters = await dead_letters(kafka)
    assert [(letter.original_offset, letter.reason) for letter in letters] == [
        (0, "not JSON"),
        (1, "no value"),
        (2, "an event of the topic elections"),
        (3, "not JSON"),
        (4, "the tracker is poison"),
    ]
    assert {letter.original_topic for letter in letters} == {"ballots"}
    assert {letter.consumer for letter in letters} == {"ballots-test"}


@pytest.mark.parametrize("fault", ["bug", "refused", "no table"])
async def test_a_bug_or_a_surprise_of_the_database_holds_the_projection_up_aloud_and_skips_nothing(
    fault: str,
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    projection: Projection,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    """The ballot was acknowledged: who forgot a case or lost a table must not lose it too."""
    written = [await producer.publish(new_ballot(number), partition=0) for number in range(5)]
    written.append(await producer.publish(new_ballot(5, tracker=fault), partition=0))
    written += [await producer.publish(new_ballot(number), partition=0) for number in range(6, 10)]
    if fault == "no table":
        await pool.execute("ALTER TABLE applied RENAME TO hidden")
    async with running(kafka, pool, projection=projection) as runner:

        async def stuck() -> bool:
            return runner._metrics.stuck.labels("ballots-test")._value.get() == 1

        await eventually(stuck)
        assert not await runner.caught_up()
        if fault == "no table":
            await pool.execute("ALTER TABLE hidden RENAME TO applied")
        else:
            assert await rows(pool) == positions(written[:5]), "what stands before it is applied"
            projection.mended = True  # type: ignore[attr-defined]
            await pool.execute("ALTER TABLE applied DROP CONSTRAINT applied_tracker_check")
        await eventually(runner.caught_up)
        assert not await stuck()
    assert await rows(pool) == positions(written)
    assert await dead_letters(kafka) == []


async def test_a_replay_gives_the_same_tables(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    projection: Projection,
    new_ballot: NewBallot,
    new_close: Callable[[], ElectionClosed],
    clock: Callable[[], datetime],
) -> None:
    for number in range(30):
        await producer.publish(new_ballot(number, tracker="poison" if number == 7 else None))
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    await until_readable(kafka, await writer.publish_all([new_ballot(31), new_close(), new_ballot(32)]))
    await writer.stop()
    async with running(kafka, pool) as runner:

        async def at_the_end() -> bool:
            return await runner.caught_up() and await runner.lag() == 0

        await eventually(at_the_end)
    live = await dump(pool)
    assert len(await rows(pool)) == 31
    progress: list[tuple[int, int]] = []
    report = await replay(kafka, pool, projection, lambda done, total: progress.append((done, total)))
    assert await dump(pool) == live
    assert report.events == 32
    assert [reason for _, reason in report.poison] == ["the tracker is poison"]
    assert progress[0] == (0, progress[-1][1])
    assert progress[-1][0] == progress[-1][1]
    assert len(await dead_letters(kafka)) == 1


async def test_a_replay_under_a_running_service_leaves_each_event_applied_once(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    projection: Projection,
    new_ballot: NewBallot,
) -> None:
    written = [await producer.publish(new_ballot(number)) for number in range(100)]
    async with running(kafka, pool):
        await eventually(level(pool, written))
        await replay(kafka, pool, projection, lambda done, total: None)
        written += [await producer.publish(new_ballot(number)) for number in range(100, 120)]
        await eventually(level(pool, written))
        assert await rows(pool) == positions(written)


async def test_whoever_reads_while_a_replay_runs_sees_the_tables_as_they_were(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    projection: Projection,
    new_ballot: NewBallot,
) -> None:
    """A service told voters 403 and 404 while its tables were empty."""
    written = [await producer.publish(new_ballot(number), partition=0) for number in range(20)]
    seen: list[list[tuple[int, int]]] = []

    class Watched:
        name, topics, tables = projection.name, projection.topics, projection.tables

        async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
            await projection.apply(connection, record)
            seen.append(await rows(pool))

    async with running(kafka, pool) as runner:
        await eventually(level(pool, written))
        replaying = asyncio.create_task(replay(kafka, pool, Watched(), lambda done, total: None))
        written += [await producer.publish(new_ballot(number), partition=0) for number in range(20, 40)]
        await replaying
        await eventually(level(pool, written))
        await eventually(runner.caught_up)
    assert len(seen) >= 20
    assert all(len(found) >= 20 for found in seen)
    assert await rows(pool) == positions(written)


async def test_a_replay_that_ends_early_has_changed_nothing(
    kafka: KafkaSettings, pool: asyncpg.Pool, producer: EventProducer, projection: Projection, new_ballot: NewBallot
) -> None:
    for number in range(10):
        await producer.publish(new_ballot(number, tracker="bug" if number == 7 else None), partition=0)
    await pool.execute("INSERT INTO applied VALUES (0, 0, 'kept', 'kept')")
    await pool.execute("INSERT INTO consumer_offsets VALUES ('ballots-test', 'ballots', 0, 1)")
    before = await dump(pool)
    with pytest.raises(ApplyFailed):
        await replay(kafka, pool, projection, lambda done, total: None)
    assert await dump(pool) == before


async def test_a_database_that_lost_its_tables_is_filled_again_by_the_running_service(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    written = [await producer.publish(new_ballot(number)) for number in range(30)]
    async with running(kafka, pool):
        await eventually(level(pool, written))
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute("TRUNCATE applied, consumer_offsets")
        written += [await producer.publish(new_ballot(number), partition=number % 3) for number in range(3)]
        await eventually(level(pool, written))
    assert await rows(pool) == positions(written)


async def test_what_the_database_lost_is_applied_again_although_nothing_new_comes(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    """The last event of an evening: nobody writes another one for the projection to notice by."""
    written = [await producer.publish(new_ballot(number), partition=0) for number in range(3)]
    async with running(kafka, pool):
        await eventually(level(pool, written))
        async with pool.acquire() as connection, connection.transaction():
            await connection.execute('DELETE FROM applied WHERE "offset" > 0')
            await connection.execute("UPDATE consumer_offsets SET next_offset = 1")
        await eventually(level(pool, written))
    assert await rows(pool) == positions(written)


async def test_an_aborted_transaction_is_neither_applied_nor_waited_for(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    running: Running,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
) -> None:
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    written = await writer.publish_all([new_ballot(1)])
    assert writer._producer is not None
    await writer._producer.begin_transaction()
    await writer._producer.send_and_wait(kafka.topic_name(Topic.BALLOTS), written[0].value, key=b"k")
    await writer._producer.abort_transaction()
    async with running(kafka, pool) as runner:

        async def nothing_left() -> bool:
            return await runner.caught_up() and await runner.lag() == 0

        await eventually(nothing_left)
    assert await rows(pool) == positions(written)
    await writer.stop()


@pytest.mark.parametrize("records", [0, 1])
async def test_a_log_shorter_than_the_projection_is_fatal_not_silent(
    records: int,
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: Callable[..., ProjectionRunner],
    new_ballot: NewBallot,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(reading, "_TRUNCATED_AFTER_S", 1.0)
    await pool.execute("INSERT INTO consumer_offsets VALUES ('ballots-test', 'ballots', 0, 1000)")
    for number in range(records):
        await producer.publish(new_ballot(number), partition=0)
    with pytest.raises(LogTruncated) as truncated:
        async with asyncio.timeout(60):
            await new_runner(kafka, pool, producer).run()
    assert truncated.value.applied == 1000
    assert truncated.value.found <= records


async def test_a_projection_is_not_caught_up_before_it_has_applied_the_log(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    projection: Projection,
    new_ballot: NewBallot,
) -> None:
    gate = asyncio.Event()

    class Held:
        name, topics, tables = projection.name, projection.topics, projection.tables

        async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
            await gate.wait()

    await producer.publish(new_ballot(1))
    async with running(kafka, pool, projection=Held()) as runner:
        assert not await runner.caught_up()

        async def connected() -> bool:
            return runner._target is not None

        await eventually(connected)
        assert await runner.lag() == 1
        assert not await runner.caught_up()
        gate.set()
        await eventually(runner.caught_up)


@pytest.mark.slow
async def test_a_consumer_killed_in_the_middle_leaves_each_event_applied_once(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    database_url: str,
    tmp_path: Path,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    program = (
        "import asyncio, runpy, sys, asyncpg\n"
        "fixtures = runpy.run_path(sys.argv[1])\n"
        "from evote_eventlog.kafka import KafkaSettings\n"
        "from evote_eventlog.producer import EventProducer\n"
        "async def main():\n"
        "    kafka = KafkaSettings(sys.argv[2], sys.argv[3])\n"
        "    producer = EventProducer(kafka, 'test', fixtures['utc_now'])\n"
        "    async with asyncpg.create_pool(sys.argv[4], min_size=1) as pool:\n"
        "        async with fixtures['run_projection'](kafka, pool, producer):\n"
        "            await asyncio.sleep(1000)\n"
        "asyncio.run(main())\n"
    )
    conftest = str(Path(__file__).with_name("conftest.py"))
    command = [sys.executable, "-c", program, conftest, kafka.bootstrap_servers, kafka.topic_prefix, database_url]
    written = []
    for first in range(0, 3000, 100):  # all at once, a busy broker would not acknowledge the last in time
        some = (producer.publish(new_ballot(number)) for number in range(first, first + 100))
        written += await asyncio.gather(*some)
    for share in (1, 1200):
        child = ChildProcess("projector", command, log_path=tmp_path / "log")
        try:
            await eventually(level(pool, written[:share]))
        finally:
            child.kill()
    assert len(await rows(pool)) < len(written), "killed too late to prove anything"
    async with running(kafka, pool):
        await eventually(level(pool, written))
    assert await rows(pool) == positions(written)


@pytest.mark.slow
async def test_the_projection_goes_on_when_the_database_was_killed(
    stack_directory: Path,
    schema: str,
    kafka: KafkaSettings,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    server = PostgresServer(stack_directory / "projection-postgres")
    server.start()
    try:
        async with asyncpg.create_pool(server.create_database("projection"), min_size=1) as pool:
            await pool.execute(schema)
            written = [await producer.publish(new_ballot(number)) for number in range(20)]
            async with running(kafka, pool) as runner:
                await eventually(level(pool, written))
                server.kill()
                written += [await producer.publish(new_ballot(number)) for number in range(20, 40)]
                assert not await runner.caught_up()
                server.start()
                await eventually(level(pool, written))
                await eventually(runner.caught_up)
            assert await rows(pool) == positions(written)
    finally:
        server.kill()
    assert await dead_letters(kafka) == []


@pytest.mark.slow
async def test_a_crash_of_the_database_that_lost_the_last_commits_is_made_good_although_nothing_new_comes(
    stack_directory: Path,
    schema: str,
    kafka: KafkaSettings,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    server = PostgresServer(stack_directory / "forgetful-postgres", settings={"wal_writer_delay": "10s"})
    server.start()
    try:
        async with asyncpg.create_pool(server.create_database("projection"), min_size=1) as pool:
            await pool.execute(schema)
            with capture_logs() as logs:
                async with running(kafka, pool) as runner:
                    written = [await producer.publish(new_ballot(number)) for number in range(20)]
                    await eventually(level(pool, written))
                    server.kill()
                    assert not await runner.caught_up()
                    server.start()
                    await eventually(lambda: _nothing_is_behind(runner))
            assert "projection-moved-back" in [entry["event"] for entry in logs], "the crash took nothing"
            assert await rows(pool) == positions(written)
    finally:
        server.kill()


async def _nothing_is_behind(runner: ProjectionRunner) -> bool:
    try:
        return await runner.lag() == 0
    except LogUnavailable:
        return False


@pytest.mark.slow
async def test_the_projection_goes_on_when_kafka_was_killed(
    broker: KafkaNode,
    broker_settings: KafkaSettings,
    pool: asyncpg.Pool,
    new_ballot: NewBallot,
    own_running: Running,
    clock: Callable[[], datetime],
) -> None:
    before = asyncio.all_tasks()
    producer = EventProducer(broker_settings, "test", clock)
    written = [await producer.publish(new_ballot(number)) for number in range(20)]
    async with own_running(broker_settings, pool, producer) as runner:
        await eventually(level(pool, written))
        broker.kill()
        await asyncio.sleep(3)
        assert not await runner.caught_up()
        await start_again(broker, broker_settings)
        written += [await producer.publish(new_ballot(number)) for number in range(20, 40)]
        await eventually(level(pool, written))
        await eventually(runner.caught_up)
    await producer.stop()
    assert await rows(pool) == positions(written)

    async def nothing_is_left() -> bool:
        return asyncio.all_tasks() <= before

    # Of the consumers that were given up, which would try to reach Kafka for ever.
    await eventually(nothing_is_left)


async def test_poison_found_while_the_dead_letters_are_away_waits_for_them(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    own_running: Running,
    new_ballot: NewBallot,
    producer: EventProducer,
    clock: Callable[[], datetime],
) -> None:
    """The offset may move past a poison record only when its dead letter is durable."""

    class Away(EventProducer):
        away = True

        async def publish(self, data: object, *, partition: int | None = None) -> Record:
            if self.away:
                raise LogUnavailable("away")
            return await super().publish(data, partition=partition)  # type: ignore[arg-type]

    letters = Away(kafka, "test", clock)
    await producer.publish(new_ballot(1, tracker="poison"))
    async with own_running(kafka, pool, letters) as runner:
        await asyncio.sleep(1.5)
        assert not await runner.caught_up()
        assert await dead_letters(kafka) == []
        letters.away = False
        await eventually(runner.caught_up)
    assert len(await dead_letters(kafka)) == 1
    await letters.stop()
