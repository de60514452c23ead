"""Reading without a group: from anywhere, to a fixed end or for ever, poison included."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from contextlib import aclosing
from dataclasses import replace
from functools import partial
from operator import attrgetter
from time import monotonic
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewPartitions
from aiokafka.client import AIOKafkaClient
from aiokafka.cluster import ClusterMetadata
from aiokafka.consumer.fetcher import Fetcher
from aiokafka.errors import KafkaError, RequestTimedOutError
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.structs import BrokerMetadata
from evote_eventlog import reading
from evote_eventlog import tail as tails
from evote_eventlog.batches import Found, RawBatch, fetch_from
from evote_eventlog.errors import LogTruncated, LogUnavailable, ReaderStopped
from evote_eventlog.events import BallotAccepted, ElectionClosed, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.reading import LogReader
from evote_eventlog.record import Batch, LogPartition, PoisonRecord, Record, RecordPosition
from evote_eventlog.tail import EventTail, Look
from evote_local.nodes.ports import free_port
from evote_local.testbed import eventually
from evote_platform.clock import utc_now

pytestmark = pytest.mark.stack

_position = attrgetter("position")
NewBallot = Callable[..., BallotAccepted]
_THE_NODE = 1
_OTHER_NODES = 1000
"""From here on, numbers of brokers that are all the same one."""


async def test_reading_from_a_position_gives_what_stands_from_there_on(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    written = [await producer.publish(new_ballot(number), partition=number % 3) for number in range(30)]
    tail = EventTail(kafka, [Topic.BALLOTS])
    start = {LogPartition(Topic.BALLOTS, 0): 4, LogPartition(Topic.BALLOTS, 1): 10}
    end = {**await tail.end_offsets(), LogPartition(Topic.BALLOTS, 2): 3}
    read = [record async for record in tail.read(start, until=end)]
    expected = [
        record
        for record in written
        if (record.position.partition == 0 and record.position.offset >= 4)
        or (record.position.partition == 2 and record.position.offset < 3)
    ]
    assert sorted(read, key=lambda record: record.position) == sorted(expected, key=lambda record: record.position)


async def test_a_reader_without_an_end_sees_records_as_they_come(
    kafka: KafkaSettings,
    producer: EventProducer,
    new_ballot: NewBallot,
    new_close: Callable[[], ElectionClosed],
) -> None:
    first = await producer.publish(new_ballot(1))
    seen: list[Record | PoisonRecord] = []
    async with (
        asyncio.timeout(60),
        aclosing(EventTail(kafka, [Topic.BALLOTS, Topic.ELECTIONS]).read("earliest")) as records,
    ):
        seen.append(await anext(records))
        second = await producer.publish(new_close())
        seen.append(await anext(records))
    assert seen == [first, second]


async def test_who_is_not_behind_has_all_that_came_since_by_the_next_fetch(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    async with aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=0.1).fetches("earliest")) as fetches:
        for _ in range(3):
            written = [await producer.publish(new_ballot(number)) for number in range(20)]
            read = [record for batch in (await anext(fetches)).batches for record in batch.records]
            assert {record.position for record in read} == {record.position for record in written}


async def test_what_comes_while_a_reader_rests_came_behind_the_fetch_before(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Or nobody would see how long a rest keeps who waits for what is read."""
    monkeypatch.setattr(tails, "_POLL_MS", 60_000)  # however slow the machine is
    async with aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=0.1).fetches("earliest")) as fetches:
        await producer.publish(new_ballot(0))
        await anext(fetches)
        for number in range(3):
            resting = monotonic()
            await producer.publish(new_ballot(number))
            assert (await anext(fetches)).came_after <= resting


async def test_who_is_in_the_midst_of_a_backlog_does_not_rest(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A fetch has room for some megabytes of a partition: large records are few, and more are there."""
    options = tails.consumer_options
    monkeypatch.setattr(tails, "consumer_options", lambda kafka: {**options(kafka), "max_partition_fetch_bytes": 1})
    written = [await producer.publish(new_ballot(number), partition=0) for number in range(5)]
    seen: list[Record | PoisonRecord] = []
    async with (
        asyncio.timeout(60),
        aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=3600.0).fetches("earliest")) as fetches,
    ):
        while len(seen) < len(written):
            seen += [record for batch in (await anext(fetches)).batches for record in batch.records]
    assert seen == written


async def test_who_does_not_rest_has_the_consumer_fetch_ahead(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    paused, pause = list[TopicPartition](), AIOKafkaConsumer.pause

    def noted(consumer: AIOKafkaConsumer, *partitions: TopicPartition) -> None:
        paused.extend(partitions)
        pause(consumer, *partitions)

    monkeypatch.setattr(AIOKafkaConsumer, "pause", noted)
    await producer.publish(new_ballot(0))
    for round_s, is_paused in ((0.0, False), (0.1, True)):
        async with aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=round_s).fetches("earliest")) as fetches:
            await anext(fetches)
        assert bool(paused) is is_paused


@pytest.fixture
def leaders(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each partition has another one."""
    broker = ClusterMetadata.broker_metadata
    monkeypatch.setattr(Fetcher, "_select_read_replica", lambda _, partition: _OTHER_NODES + partition.partition)
    monkeypatch.setattr(
        ClusterMetadata,
        "broker_metadata",
        lambda cluster, node: broker(cluster, _THE_NODE if node >= _OTHER_NODES else node),
    )


@pytest.mark.usefixtures("leaders")
async def test_what_several_leaders_have_comes_with_the_same_fetch(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_OTHERS_S", 40.0)  # however slow the machine is
    async with aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=0.1).fetches("earliest")) as fetches:
        for _ in range(3):
            written = [await producer.publish(new_ballot(number), partition=number % 3) for number in range(30)]
            read = [record for batch in (await anext(fetches)).batches for record in batch.records]
            assert {record.position for record in read} == {record.position for record in written}


@pytest.mark.usefixtures("leaders")
async def test_who_waits_for_other_leaders_waits_once_for_all_and_asks_none_again_that_has_answered(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "_OTHERS_S", 1.0)  # the leaders answer ten times, that they have nothing
    asked, waited = Counter[int](), list[float]()
    send, getmany = AIOKafkaClient.send, AIOKafkaConsumer.getmany

    async def sent(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        asked[node] += isinstance(request, FetchRequest)
        return await send(client, node, request, **options)

    async def taken(consumer: AIOKafkaConsumer, **options: float) -> object:
        waited.append(options["timeout_ms"])
        return await getmany(consumer, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", sent)
    monkeypatch.setattr(AIOKafkaConsumer, "getmany", taken)
    async with aclosing(EventTail(kafka, [Topic.BALLOTS], round_s=0.1).fetches("earliest")) as fetches:
        await producer.publish(new_ballot(0), partition=0)
        await anext(fetches)
        await producer.publish(new_ballot(1), partition=0)
        asked.clear()
        waited.clear()
        await anext(fetches)
    assert asked[_OTHER_NODES] == 1
    assert asked[_OTHER_NODES + 1] > 1, "these have nothing, and are asked until the wait ends"
    assert 1000 <= sum(waited) < 1900


class Epochs:
    """What leaders tell of the epochs of batches, and what they answer who looks into it."""

    def __init__(self) -> None:
        self.of: dict[int, int] = {}
        """By the offset that a batch begins at, in every partition."""
        self.checks: list[tuple[set[int], float]] = []
        """Of which partitions at once, and within how many seconds."""
        self.answers: list[KafkaError | None] = []
        """Instead of what is there; None: nothing."""

    async def fetch(self, consumer: Any, places: Any, **options: Any) -> Any:
        if options.get("max_bytes") == reading._CHECKED_BYTES:
            self.checks.append(({partition.partition for partition in places}, options["within_s"]))
            if self.answers:
                if (error := self.answers.pop(0)) is not None:
                    raise error
                return dict.fromkeys(places, list)
        found = await fetch_from(consumer, places, **options)
        return {partition: partial(self._told, answer) for partition, answer in found.items()}

    def _told(self, answer: Found) -> Sequence[RawBatch]:
        return [replace(batch, leader_epoch=self.of.get(batch.start, 0)) for batch in answer()]


@pytest.fixture
def epochs(monkeypatch: pytest.MonkeyPatch) -> Epochs:
    told = Epochs()
    monkeypatch.setattr(reading, "fetch_from", told.fetch)
    return told


async def seen_at_once(look: Look, expected: Sequence[Record]) -> None:
    async def seen() -> bool:
        return [record for batch in await look() for record in batch.records] == expected

    await eventually(seen)


@pytest.mark.parametrize("later", [4, 6])
async def test_a_record_that_another_took_the_place_of_is_missed_under_whatever_epoch_it_was_written(
    later: int, kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, epochs: Epochs
) -> None:
    """Volumes that are put back know of fewer leaders."""
    epochs.of = {0: 5, 1: 5}
    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
        await seen_at_once(look, [await producer.publish(new_ballot(0), partition=0)])
        epochs.of = {0: later, 1: later}
        await producer.publish(new_ballot(1), partition=0)
        with pytest.raises(LogTruncated) as truncated:
            await look()
        assert (truncated.value.applied, truncated.value.found) == (1, 0)


@pytest.mark.parametrize("answer", [None, RequestTimedOutError()], ids=["nothing", "an outage"])
async def test_who_is_told_nothing_of_the_record_before_knows_nothing_and_asks_again(
    answer: KafkaError | None, kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, epochs: Epochs
) -> None:
    there = LogPartition(Topic.BALLOTS, 0)
    epochs.of = {0: 5, 1: 6}
    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
        await seen_at_once(look, [await producer.publish(new_ballot(0), partition=0)])
        written = await producer.publish(new_ballot(1), partition=0)
        epochs.answers = [answer, answer]
        for _ in range(2):
            assert await look() == []
            assert look.missed == [there]
        assert [record for batch in await look() for record in batch.records] == [written]
        assert look.missed == []
        assert len(epochs.checks) == 3


async def test_what_leaders_changed_is_asked_for_at_once_and_within_the_time_of_a_look(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, epochs: Epochs
) -> None:
    epochs.of = {0: 5, 1: 6}
    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
        for offset in range(2):
            await seen_at_once(look, [])
            written = [await producer.publish(new_ballot(offset), partition=partition) for partition in range(3)]
            seen = [record for batch in await look() for record in batch.records]
            assert sorted(seen, key=_position) == written
    assert epochs.checks == [({0, 1, 2}, reading._LOOKED_WITHIN_S)]


async def test_a_look_sees_all_that_was_acknowledged_before_it_from_where_the_last_one_ended(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    written = [await producer.publish(new_ballot(number), partition=number % 3) for number in range(9)]
    start = {LogPartition(Topic.BALLOTS, 0): 2}
    async with EventTail(kafka, [Topic.BALLOTS]).looks(start) as look:
        seen = [record for batch in await look() for record in batch.records]
        expected = [record for record in written if record.position.offset >= 2 or record.position.partition > 0]
        assert sorted(seen, key=_position) == sorted(expected, key=_position)
        assert await look() == []
        for number in range(10, 14):
            last = await producer.publish(new_ballot(number), partition=number % 3)
            assert [record for batch in await look() for record in batch.records] == [last]
        first, second = [await producer.publish(new_ballot(number), partition=number) for number in (1, 2)]
        assert [batch.records for batch in await look({LogPartition(Topic.BALLOTS, 2)})] == [[second]]
        assert [batch.records for batch in await look()] == [[first]]


async def test_a_leader_that_is_away_keeps_nobody_from_what_the_others_have(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [await producer.publish(new_ballot(number), partition=number) for number in range(3)]
    leader, away = ClusterMetadata.leader_for_partition, {1}
    monkeypatch.setattr(
        ClusterMetadata,
        "leader_for_partition",
        lambda cluster, partition: 99 if partition.partition in away else leader(cluster, partition),
    )

    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
        seen = [record for batch in await look() for record in batch.records]
        assert sorted(seen, key=_position) == [written[0], written[2]]
        assert look.missed == [LogPartition(Topic.BALLOTS, 1)]
        away.clear()
        assert [record for batch in await look() for record in batch.records] == [written[1]]
        assert look.missed == []
    away.update(range(3))
    with pytest.raises(LogUnavailable):
        async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
            await look()


async def test_a_leader_that_was_left_behind_stops_nobody_until_it_has_stayed_there(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another broker has acknowledged what this one hasn't: the reader's place is behind what it takes for the end."""
    now, there, elsewhere = 0.0, LogPartition(Topic.BALLOTS, 0), LogPartition(Topic.BALLOTS, 1)
    monkeypatch.setattr(reading, "monotonic", lambda: now)
    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:

        async def shown(at: Collection[LogPartition] | None = None) -> list[Record | PoisonRecord]:
            return [record for batch in await look(at) for record in batch.records]

        for number in range(3):
            await producer.publish(new_ballot(number), partition=number)
        assert len(await shown()) == 3
        look.pass_by(there, 2)
        assert await shown([there]) == []
        assert look.missed == [there]
        now += reading._TRUNCATED_AFTER_S - 1
        other = await producer.publish(new_ballot(3), partition=1)
        assert await shown([elsewhere]) == [other]
        assert look.missed == [there], "nobody has looked there since"
        assert await shown() == []
        await producer.publish(new_ballot(4), partition=0)
        later = await producer.publish(new_ballot(5), partition=0)
        assert await shown() == [later]
        assert look.missed == []

        now += 2
        look.pass_by(there, 4)
        assert await shown() == []
        now += reading._TRUNCATED_AFTER_S
        other = await producer.publish(new_ballot(6), partition=1)
        assert await shown() == [other]
        assert look.missed == [there], "what comes elsewhere is given first, and nothing is known there"
        for _ in range(2):
            with pytest.raises(LogTruncated) as truncated:
                await look()
            assert (truncated.value.partition, truncated.value.applied, truncated.value.found) == (0, 4, 3)


async def test_a_reader_whose_place_is_behind_the_end_goes_on_when_the_log_has_come_there(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(reading, "monotonic", lambda: 0.0)  # however slow the machine is
    answered, why = asyncio.Event(), LogReader._why_out_of_range

    async def noticed(*place: Any) -> ReaderStopped | None:
        stop = await why(*place)
        answered.set()
        return stop

    monkeypatch.setattr(LogReader, "_why_out_of_range", noticed)
    await producer.publish(new_ballot(0), partition=0)
    start = {LogPartition(Topic.BALLOTS, 0): 3}
    async with asyncio.timeout(60), aclosing(EventTail(kafka, [Topic.BALLOTS]).read(start)) as records:
        first = asyncio.ensure_future(anext(records))
        await answered.wait()
        elsewhere = await producer.publish(new_ballot(1), partition=1)
        assert await first == elsewhere
        written = [await producer.publish(new_ballot(number), partition=0) for number in (2, 3, 4)]
        assert await anext(records) == written[-1]


async def test_a_partition_that_came_into_being_since_is_looked_at_from_its_beginning(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    """Nobody may add one, for keys would move; who does must not end the readers."""
    count = await producer.partition_count(Topic.BALLOTS)
    async with EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:

        async def looks_at(at: Collection[LogPartition] | None = None) -> Sequence[Batch] | None:
            try:
                return await look(at)
            except KafkaError:  # a new partition's leader is not known yet
                return None

        async def looked() -> bool:
            return await looks_at() is not None

        await eventually(looked)
        admin = AIOKafkaAdminClient(**kafka.client_options())
        await admin.start()
        try:
            await admin.create_partitions({kafka.topic_name(Topic.BALLOTS): NewPartitions(count + 1)})
        finally:
            await admin.close()
        later = EventProducer(kafka, "test", utc_now)

        async def knows_it() -> bool:
            return await later.partition_count(Topic.BALLOTS) == count + 1

        await later.start()
        try:
            await eventually(knows_it)
            written = await later.publish(new_ballot(1), partition=count)
        finally:
            await later.stop()

        async def is_shown() -> bool:
            found = await looks_at([LogPartition(Topic.BALLOTS, count)])
            return [record for batch in found or () for record in batch.records] == [written]

        await eventually(is_shown)


async def test_a_leader_that_stands_still_holds_nobody_up_for_long(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = [await producer.publish(new_ballot(number), partition=number) for number in range(3)]
    leader, send, silent = ClusterMetadata.leader_for_partition, AIOKafkaClient.send, 99

    async def sent(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        if node == silent:
            await asyncio.get_running_loop().create_future()
        return await send(client, node, request, **options)

    monkeypatch.setattr(reading, "_LOOKED_WITHIN_S", 1.0)
    monkeypatch.setattr(AIOKafkaClient, "send", sent)
    monkeypatch.setattr(
        ClusterMetadata,
        "leader_for_partition",
        lambda cluster, partition: silent if partition.partition == 0 else leader(cluster, partition),
    )
    async with asyncio.timeout(30), EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
        seen: list[Record | PoisonRecord] = []
        while len(seen) < 2:  # the others may be slow on a busy machine, too
            seen += [record for batch in await look() for record in batch.records]
    assert sorted(seen, key=_position) == written[1:]


@pytest.mark.usefixtures("as_deployed")
async def test_a_connection_that_died_without_a_word_is_given_up(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A node is lost, or a broker moves: nobody ends the connection, and new ones reach the broker."""
    broker, dead = kafka.bootstrap_servers.split(":"), asyncio.Event()
    connections = 0

    async def passed_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        dies = connections == 1
        there, back = await asyncio.open_connection(broker[0], int(broker[1]))

        async def pump(source: asyncio.StreamReader, to: asyncio.StreamWriter) -> None:
            while data := await source.read(65536):
                if not (dies and dead.is_set()):
                    to.write(data)
            to.close()

        await asyncio.gather(pump(reader, back), pump(there, writer), return_exceptions=True)

    leader, known, moved = ClusterMetadata.leader_for_partition, ClusterMetadata.broker_metadata, 99
    async with await asyncio.start_server(passed_on, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        monkeypatch.setattr(
            ClusterMetadata,
            "leader_for_partition",
            lambda cluster, partition: moved if partition.partition == 0 else leader(cluster, partition),
        )
        monkeypatch.setattr(
            ClusterMetadata,
            "broker_metadata",
            lambda cluster, node: (
                BrokerMetadata(moved, "127.0.0.1", port, None) if node == moved else known(cluster, node)
            ),
        )
        async with asyncio.timeout(50), EventTail(kafka, [Topic.BALLOTS]).looks({}) as look:
            await look()  # by the first connection; the producer has the second one
            first = await producer.publish(new_ballot(0), partition=0)
            await eventually(lambda: _shows(look, first))
            dead.set()
            second = await producer.publish(new_ballot(1), partition=0)
            await eventually(lambda: _shows(look, second))
        assert connections >= 3, "and one more for each look that a busy machine had given up"


async def _shows(look: Look, record: Record) -> bool:
    return record in [shown for batch in await look() for shown in batch.records]


async def test_a_look_passes_transactions_by_and_says_how_far_it_has_come(
    kafka: KafkaSettings, new_close: Callable[[], ElectionClosed]
) -> None:
    """A transaction's marker, and one that was aborted, take offsets without a record."""
    options = {"bootstrap_servers": kafka.bootstrap_servers, "transactional_id": "a-look"}
    async with (
        AIOKafkaProducer(**options) as raw,
        EventTail(kafka, [Topic.TALLY]).looks({}) as look,
    ):
        for outcome in (raw.abort_transaction, raw.commit_transaction):
            await raw.begin_transaction()
            await raw.send_and_wait(kafka.topic_name(Topic.TALLY), b"junk", key=b"k")
            await outcome()
        places: list[int] = []
        offsets: list[int] = []

        async def at_the_end() -> bool:
            for batch in await look():
                places.append(batch.end)
                offsets.extend(record.position.offset for record in batch.records)
            return bool(places) and places[-1] == 4

        await eventually(at_the_end)
    assert offsets == [2]


async def test_poison_is_shown_with_its_position_and_value(kafka: KafkaSettings) -> None:
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as raw:
        await raw.send_and_wait(kafka.topic_name(Topic.TALLY), b"junk", key=b"k")
    tail = EventTail(kafka, [Topic.TALLY])
    (poison,) = [record async for record in tail.read("earliest", until=await tail.end_offsets())]
    assert poison == PoisonRecord(RecordPosition(Topic.TALLY, 0, 0), b"junk", "not JSON")


async def test_reading_to_the_end_of_an_empty_log_ends_at_once(kafka: KafkaSettings) -> None:
    tail = EventTail(kafka, [Topic.BALLOTS])
    ends = await tail.end_offsets()
    assert ends == {LogPartition(Topic.BALLOTS, partition): 0 for partition in range(3)}
    assert [record async for record in tail.read("earliest", until=ends)] == []


async def test_a_reader_that_can_not_reach_kafka_says_so() -> None:
    with pytest.raises(LogUnavailable):
        await EventTail(KafkaSettings(f"127.0.0.1:{free_port()}"), [Topic.BALLOTS]).end_offsets()
