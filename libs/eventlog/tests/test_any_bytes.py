"""Whatever bytes a broker takes, a record is an event, or poison and no more: on a real Kafka."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime
from typing import Final

import asyncpg
import pytest
from aiokafka.errors import KafkaError
from evote_eventlog.batches import BrokenBatch, parse_batches
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.errors import UnknownEvent
from evote_eventlog.events import BallotAccepted, BallotOrder, OrderSignature, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import LogPartition, PoisonRecord, Record, RecordPosition, read_record
from evote_eventlog.tail import EventTail
from evote_local.nodes.kafka_sabotage import append, batch_bytes, record_bytes
from evote_local.testbed import eventually
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

NewBallot = Callable[..., BallotAccepted]
Running = Callable[..., AbstractAsyncContextManager[ProjectionRunner]]

BALLOT = BallotAccepted(
    election_uuid="1" * 14,
    credential="c",
    tracker="t",
    ballot="{}",
    order=BallotOrder(number=1, signature=OrderSignature(challenge="0", response="0")),
)
EVENT: Final = encode(Envelope.wrap(BALLOT, id="1", source="test", time=datetime(2026, 11, 24, tzinfo=UTC)))
BALLOTS: Final = LogPartition(Topic.BALLOTS, 0)

OFFSETS = st.integers(-(2**31), 2**31 - 1)
MOMENTS = st.one_of(st.sampled_from([-1, 0, 1, -(2**62), 2**63 - 1, -(2**63)]), st.integers(-(2**63), 2**63 - 1))
BYTES = st.one_of(st.none(), st.binary(max_size=40), st.sampled_from([b"\xff", b"\xed\xa0\x80", b"\0", b"{}", EVENT]))
HEADERS = st.lists(st.tuples(st.binary(max_size=8), BYTES), max_size=3)


@st.composite
def batches_of_any_bytes(draw: st.DrawFn) -> bytes:
    """One to four records with any key, value, headers, times and places, under a right checksum."""
    records = [
        record_bytes(
            draw(BYTES),
            key=draw(BYTES),
            headers=draw(HEADERS),
            place=draw(st.one_of(st.just(index), st.just(index), OFFSETS)),
            later_ms=draw(st.one_of(st.just(0), MOMENTS)),
            attributes=draw(st.integers(0, 255)),
        )
        for index in range(draw(st.integers(1, 4)))
    ]
    return batch_bytes(records, timestamp_ms=draw(st.one_of(st.none(), MOMENTS)))


@settings(max_examples=300, deadline=None)
@given(st.one_of(st.none(), st.binary(max_size=200)), st.integers(0, 2**63 - 1))
def test_any_value_is_an_event_or_poison_or_of_a_newer_release(value: bytes | None, offset: int) -> None:
    with contextlib.suppress(UnknownEvent):
        assert isinstance(read_record(RecordPosition(*BALLOTS, offset), value), Record | PoisonRecord)


@settings(max_examples=300, deadline=None)
@given(batches_of_any_bytes())
def test_every_record_of_a_whole_batch_is_found_at_its_place(batch: bytes) -> None:
    [read] = parse_batches(batch, [])
    assert [record.offset for record in read.records] == list(range(read.start, read.end))


@settings(max_examples=300, deadline=None)
@given(batches_of_any_bytes(), st.data())
def test_a_damaged_batch_is_damaged_or_cut_off_and_nothing_worse(batch: bytes, data: st.DataObject) -> None:
    damaged = bytearray(batch)
    damaged[data.draw(st.integers(0, len(batch) - 1))] ^= data.draw(st.integers(1, 255))
    with contextlib.suppress(BrokenBatch):
        for read in parse_batches(bytes(damaged), []):
            # The checksum does not cover the first fields: offset and length are the broker's.
            assert read.end > read.start


@pytest.mark.stack
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck))
@given(batches=st.lists(batches_of_any_bytes(), min_size=1, max_size=8))
async def test_a_reader_finds_each_event_among_any_bytes_and_calls_the_rest_poison(
    kafka: KafkaSettings, batches: list[bytes]
) -> None:
    tail = EventTail(kafka, [Topic.BALLOTS])
    start = await tail.end_offsets()
    events: list[int] = []
    for batch in batches:
        [read] = parse_batches(batch, [])
        with contextlib.suppress(KafkaError):  # the broker refuses some: times in the far future
            first = await append(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), 0, batch)
            events += [
                first + number
                for number, record in enumerate(read.records)
                if record.value == EVENT and not record.misplaced
            ]
    end = await tail.end_offsets()
    async with asyncio.timeout(60):
        records = [record async for record in tail.read(start, until=end)]
    assert [record.position.offset for record in records] == list(range(start[BALLOTS], end[BALLOTS]))
    assert [record.position.offset for record in records if isinstance(record, Record)] == events


@pytest.mark.stack
async def test_a_projection_applies_each_event_among_any_bytes_and_sets_the_rest_aside(
    kafka: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    running: Running,
    new_ballot: NewBallot,
) -> None:
    """One record with a time before all years ended every process that read it, and every restart."""
    events = [
        [record_bytes(EVENT, headers=[(b"\xff\xfe", b"x"), (b"", None)])],
        [record_bytes(EVENT, key=None, attributes=255)],
        [record_bytes(b"junk"), record_bytes(EVENT, place=1, headers=[(b"\xed\xa0\x80", None)])],
    ]
    junk = [
        [record_bytes(None, key=None)],
        [record_bytes(b"\xff", headers=[(b"\xff", b"\xff")])],
        [record_bytes(EVENT, place=7)],
        [record_bytes(EVENT, place=-7)],
    ]
    batches = [batch_bytes(records) for records in [*events, *junk]]
    batches += [batch_bytes([record_bytes(EVENT)], timestamp_ms=time_ms) for time_ms in (-1, -(2**62), 0)]
    async with running(kafka, pool) as runner:
        for batch in batches:
            await append(kafka.bootstrap_servers, kafka.topic_name(Topic.BALLOTS), 0, batch)
            await producer.publish(new_ballot(1), partition=0)

        async def at_the_end() -> bool:
            return await runner.caught_up() and await runner.lag() == 0

        await eventually(at_the_end)
        refused = runner._metrics.dead_letters.labels("ballots-test")._value.get()
    assert await pool.fetchval("SELECT count(*) FROM applied") == len(events) + 3 + len(batches)
    assert refused == 1 + len(junk)
