"""A transaction's marker is passed by where the broker's answer shows it, and no other offset is: on a real Kafka."""

from __future__ import annotations

import asyncio
import struct
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from types import SimpleNamespace

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from evote_eventlog import reading
from evote_eventlog.batches import Found, SeenBatches, batches_in, fetch_from
from evote_eventlog.errors import LogGap
from evote_eventlog.events import BallotAccepted, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import LogPartition
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.kafka_sabotage import batch_bytes, cut_out, record_bytes
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .brokers import start_again, until_readable

NewBallot = Callable[..., BallotAccepted]

TRANSACTIONAL, MARKER = 0x10, 0x30
COMMIT = struct.pack(">hh", 0, 1)


def answer_of(batches: Sequence[tuple[bool, int]]) -> tuple[bytes, list[int]]:
    """What a broker answers for batches of (marker, records), and where the markers stand."""
    answer, markers, at = b"", list[int](), 0
    for is_marker, count in batches:
        if is_marker:
            markers.append(at)
        records = [record_bytes(b"x", key=COMMIT, place=place) for place in range(1 if is_marker else count)]
        batch = batch_bytes(records, attributes=MARKER if is_marker else TRANSACTIONAL)
        answer += struct.pack(">q", at) + batch[8:]
        at += len(records)
    return answer, markers


def markers_in(answer: bytes) -> list[int]:
    return [at for at, batch in batches_in(answer) if batch.is_marker]


BATCHES = st.lists(st.tuples(st.booleans(), st.integers(1, 5)), max_size=8)


@settings(max_examples=200, deadline=None)
@given(BATCHES)
def test_the_markers_of_an_answer_are_those_that_stand_in_it(batches: list[tuple[bool, int]]) -> None:
    answer, markers = answer_of(batches)
    assert markers_in(answer) == markers


@settings(max_examples=200, deadline=None)
@given(BATCHES, st.integers(0, 2**16), st.integers(1, 255))
def test_a_damaged_answer_makes_no_marker_of_a_record(batches: list[tuple[bool, int]], at: int, change: int) -> None:
    answer, markers = answer_of(batches)
    damaged = bytearray(answer)
    # The checksum does not cover where a batch stands and how long it is; aiokafka goes by these as well.
    covered = [place for place in range(len(answer)) if place >= 21]
    if not covered:
        return
    damaged[covered[at % len(covered)]] ^= change
    assert len(markers_in(bytes(damaged))) <= len(markers)


@settings(max_examples=200, deadline=None)
@given(BATCHES, st.integers(0, 20), st.booleans())
def test_a_records_epoch_is_its_batchs_wherever_a_reader_stands_in_it_and_unknown_where_none_was_seen(
    batches: list[tuple[bool, int]], place: int, is_expected: bool
) -> None:
    written, epochs = b"", list[int | None]()
    for number, (is_marker, count) in enumerate(batches):
        records = [record_bytes(b"x", key=COMMIT, place=at) for at in range(1 if is_marker else count)]
        batch = batch_bytes(records, attributes=MARKER if is_marker else TRANSACTIONAL)
        written += struct.pack(">q", len(epochs)) + batch[8:12] + struct.pack(">i", number) + batch[16:]
        epochs += [number] * len(records)
    partition = TopicPartition("ballots", 0)
    seen = SeenBatches(SimpleNamespace(_client=SimpleNamespace(send=None)))
    seen.expect({partition: 0} if is_expected else {})
    seen._look(SimpleNamespace(topics=[("ballots", [(0, 0, written)])]))
    seen.expect({partition: place})
    told = [seen.leader_epoch(partition, at + 1) for at in range(place, len(epochs) + 1)]
    assert told == ([*epochs, None] if is_expected else [None] * (len(epochs) + 1))[place:]


@pytest.fixture
def looked_again(monkeypatch: pytest.MonkeyPatch) -> list[Mapping[TopicPartition, int]]:
    """Where readers fetched the batches themselves."""
    places: list[Mapping[TopicPartition, int]] = []

    async def noted(consumer: AIOKafkaConsumer, at: Mapping[TopicPartition, int]) -> Mapping[TopicPartition, Found]:
        places.append(at)
        return await fetch_from(consumer, at)

    monkeypatch.setattr(reading, "fetch_from", noted)
    return places


async def read_all(kafka: KafkaSettings, start: Mapping[LogPartition, int]) -> list[int]:
    tail = EventTail(kafka, [Topic.BALLOTS])
    async with asyncio.timeout(60):
        records = [record async for record in tail.read(start, until=await tail.end_offsets())]
    return [record.position.offset for record in records]


@pytest.mark.stack
async def test_the_markers_of_committed_transactions_cost_no_further_fetch(
    kafka: KafkaSettings,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
    looked_again: list[Mapping[TopicPartition, int]],
) -> None:
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    committed = [await writer.publish_all([new_ballot(0)] * (1 + number % 3)) for number in range(7)]
    await writer.stop()
    await until_readable(kafka, committed[-1])
    assert await read_all(kafka, {}) == [record.position.offset for records in committed for record in records]
    assert looked_again == []


@pytest.mark.stack
@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(transactions=st.lists(st.tuples(st.booleans(), st.integers(1, 4)), min_size=1, max_size=6))
async def test_a_reader_gives_what_was_committed_however_transactions_ended(
    kafka: KafkaSettings,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
    transactions: list[tuple[bool, int]],
) -> None:
    start = await EventTail(kafka, [Topic.BALLOTS]).end_offsets()
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    last = await writer.publish_all([new_ballot(0)])
    committed = [last[0].position.offset]
    for is_committed, count in [*transactions, (True, 1)]:
        if is_committed:
            last = await writer.publish_all([new_ballot(0)] * count)
            committed += [record.position.offset for record in last]
        else:
            assert writer._producer is not None
            await writer._producer.begin_transaction()
            for _ in range(count):
                await writer._producer.send_and_wait(
                    kafka.topic_name(Topic.BALLOTS), last[0].value, key=b"credential-0"
                )
            await writer._producer.abort_transaction()
    await writer.stop()
    await until_readable(kafka, last)
    assert await read_all(kafka, start) == committed


@pytest.mark.stack
@pytest.mark.parametrize(("lost", "what"), [(4, "a record"), (5, "a marker")])
async def test_what_is_missing_among_transactions_is_a_gap(
    broker: KafkaNode,
    broker_settings: KafkaSettings,
    new_ballot: NewBallot,
    clock: Callable[[], datetime],
    lost: int,
    what: str,
) -> None:
    """Who takes a record out of the file of a broker leaves the marker behind it, and the other way round."""
    writer = TransactionalProducer(broker_settings, "test", clock, "writer")
    await writer.start()
    for _ in range(6):  # a record at each even offset, and its marker behind it
        written = await writer.publish_all([new_ballot(0)])
    await writer.stop()
    await until_readable(broker_settings, written)
    partition = written[0].position.partition
    broker.stop()
    cut_out(broker.directory / "data", broker_settings.topic_name(Topic.BALLOTS), partition, lost)
    await start_again(broker, broker_settings)
    with pytest.raises(LogGap) as gap:
        await read_all(broker_settings, {})
    assert (gap.value.partition, gap.value.first, gap.value.behind) == (partition, lost, lost + 1), what
