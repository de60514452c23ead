"""What the reader knows of the log behind an acknowledgement; nothing which stands before a record is missed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime

import pytest
from aiokafka import AIOKafkaProducer
from evote_ballot import readback
from evote_ballot.domain.history import CloseMarker
from evote_ballot.readback import ReadBack
from evote_belenios.admission import ExaminedCast
from evote_eventlog import reading
from evote_eventlog.canonical import canonical_json
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.errors import LogUnavailable, UnknownEvent
from evote_eventlog.events import BallotAccepted, BallotBoxClosed, BallotOrder, EventData, OrderSignature, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record, RecordPosition
from evote_local.testbed import eventually

pytestmark = pytest.mark.stack

ELECTION, CREDENTIAL = "4JZxwLqXqe4D5u", "c" * 64


def ballot(number: int) -> BallotAccepted:
    signature = OrderSignature(challenge="1", response="2")
    return BallotAccepted(
        election_uuid=ELECTION,
        credential=CREDENTIAL,
        tracker=f"{number:043}",
        ballot="{}",
        order=BallotOrder(number=number, signature=signature),
    )


def closed(partition: int) -> BallotBoxClosed:
    return BallotBoxClosed(election_uuid=ELECTION, partition=partition, partitions=3)


@dataclass
class Reading:
    """A replica's reader, which looks only when it is asked to; other replicas write by ``producer``."""

    reader: ReadBack
    producer: EventProducer
    looks: int = 0
    """How often the log was asked."""
    held: asyncio.Event = field(default_factory=asyncio.Event)
    """Until it is set, no answer of the log reaches the reader."""
    following: asyncio.Task[None] = field(init=False)

    async def publish(self, data: EventData) -> Record:
        """Into partition 0, whoever it is of."""
        return await self.producer.publish(data, partition=0)

    def numbers(self) -> list[int]:
        """Of the credential's ballots, as the reader knows them."""
        return [record.cast.order.number for record in self.reader.records_since(ELECTION, CREDENTIAL, {})]


@pytest.fixture
async def reading_back(kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Reading]:
    monkeypatch.setattr(readback, "_UNASKED_S", 3600.0)

    async def from_the_beginning() -> dict[object, int]:
        return {}

    producer = EventProducer(kafka, "ballot", lambda: datetime.now(UTC))
    watched = Reading(ReadBack(kafka, from_the_beginning), producer)
    watched.held.set()
    fetch = reading.fetch_from

    async def fetch_and_hold(*arguments: object, **options: object) -> object:
        watched.looks += 1
        answer = await fetch(*arguments, **options)
        await watched.held.wait()
        return answer

    monkeypatch.setattr(reading, "fetch_from", fetch_and_hold)
    await producer.start()
    watched.following = asyncio.create_task(watched.reader.run())
    await watched.reader.catch_up()
    yield watched
    watched.held.set()
    watched.following.cancel()
    await asyncio.wait([watched.following])
    await producer.stop()


async def test_who_stands_where_the_reader_has_come_to_asks_nobody(reading_back: Reading) -> None:
    before = reading_back.looks
    for number in (1, 2, 3):
        await reading_back.reader.wait_for(await reading_back.publish(ballot(number)))
    assert reading_back.numbers() == [1, 2, 3]
    assert reading_back.reader.credential_of(ELECTION, ballot(2).tracker) == CREDENTIAL
    assert reading_back.looks == before
    await reading_back.reader.catch_up()
    assert reading_back.numbers() == [1, 2, 3]
    await asyncio.sleep(0)
    assert reading_back.looks == before + 1, "a look that has come to its end is not made again"


async def test_all_that_another_replica_wrote_between_is_known_before_a_record_is(reading_back: Reading) -> None:
    await reading_back.reader.wait_for(await reading_back.publish(ballot(1)))
    await reading_back.publish(ballot(7))
    marker = await reading_back.publish(closed(0))
    mine = await reading_back.publish(ballot(2))
    before = reading_back.looks

    await reading_back.reader.wait_for(mine)

    assert reading_back.looks == before + 1
    assert reading_back.numbers() == [1, 7, 2]
    assert reading_back.reader.markers(ELECTION) == {0: CloseMarker(marker.position.offset, 3)}


async def test_its_own_record_is_not_examined_again_when_a_look_brings_it_and_another_one_is(
    reading_back: Reading,
) -> None:
    await reading_back.publish(ballot(1))
    mine, another = await reading_back.publish(ballot(2)), await reading_back.publish(ballot(3))
    examined = {record.value: ExaminedCast(record.envelope.data, bytes(32), None) for record in (mine, another)}
    # What the log has at its place is not what this replica holds for its record.
    elsewhere = replace(another, value=another.value + b" ")

    await asyncio.gather(
        reading_back.reader.wait_for(mine, examined[mine.value]),
        reading_back.reader.wait_for(elsewhere, examined[another.value]),
    )

    found = reading_back.reader.records_since(ELECTION, CREDENTIAL, {})
    assert [record.examined for record in found] == [None, examined[mine.value], None]


async def test_what_a_look_under_way_brings_as_well_is_known_once(reading_back: Reading) -> None:
    begun = reading_back.looks
    reading_back.held.clear()
    looking = asyncio.create_task(reading_back.reader.catch_up())
    await _until(lambda: reading_back.looks > begun)
    for number in (1, 2):
        await reading_back.reader.wait_for(await reading_back.publish(ballot(number)))
    assert reading_back.numbers() == [1, 2], "the look has not come to its end"
    reading_back.held.set()
    await looking

    await reading_back.publish(ballot(3))
    await reading_back.reader.wait_for(await reading_back.publish(ballot(4)))

    assert reading_back.numbers() == [1, 2, 3, 4]


async def test_nobody_is_passed_by_where_the_leader_has_not_what_was_acknowledged(
    reading_back: Reading, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A leader that was left behind, or a log that was cut off: which of them, the reader can't know yet."""
    monkeypatch.setattr(reading, "monotonic", lambda: 0.0)  # however slow the machine is
    await reading_back.reader.wait_for(await reading_back.publish(ballot(1)))
    await reading_back.reader.wait_for(acknowledged_elsewhere(ballot(2), 1))
    await reading_back.reader.catch_up()
    await refuses(reading_back, acknowledged_elsewhere(ballot(3), 2), monkeypatch)
    assert reading_back.numbers() == [1, 2]

    for number in (2, 3):  # the leader has come to it
        await reading_back.publish(ballot(number))
    await reading_back.reader.wait_for(await reading_back.publish(ballot(4)))

    assert reading_back.numbers() == [1, 2, 3, 4]


async def test_nobody_is_passed_by_when_the_reader_has_stopped(
    reading_back: Reading, kafka: KafkaSettings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await reading_back.publish(ballot(1))
    await reading_back.reader.wait_for(first)
    newer = canonical_json({**json.loads(first.value), "type": "jp.tsukuba.evote.ballots.OfANewerRelease.v1"})
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as next_release:
        await next_release.send_and_wait(kafka.topic_name(Topic.BALLOTS), newer, partition=1)
    looking = asyncio.create_task(reading_back.reader.catch_up())
    with pytest.raises(UnknownEvent):
        await reading_back.following
    looking.cancel()
    await refuses(reading_back, await reading_back.publish(ballot(2)), monkeypatch)


def acknowledged_elsewhere(data: BallotAccepted, offset: int) -> Record:
    """In partition 0, by another leader than the one that the reader asks."""
    envelope = Envelope.wrap(data, id=data.tracker, source="ballot", time=datetime.now(UTC))
    return Record(RecordPosition(Topic.BALLOTS, 0, offset), envelope, encode(envelope))


async def refuses(reading_back: Reading, record: Record, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as impatient:
        impatient.setattr(readback, "_READ_BACK_WITHIN_S", 0.5)
        with pytest.raises(LogUnavailable):
            await reading_back.reader.wait_for(record)


async def _until(holds: Callable[[], bool]) -> None:
    async def look() -> bool:
        return holds()

    await eventually(look)
