"""Readers of this release meet events of the next one: they stop there, and pass nothing by.

So the next release's writers write what this one reads, until the deployment is told that nobody reads less.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import ClassVar

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from evote_eventlog import envelope
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import UnknownEvent
from evote_eventlog.events import BallotAccepted, EventData, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import PoisonRecord, Record
from evote_eventlog.tail import EventTail
from evote_local.testbed import eventually

pytestmark = pytest.mark.stack

NewBallot = Callable[..., BallotAccepted]
NewRunner = Callable[..., ProjectionRunner]
Running = Callable[..., AbstractAsyncContextManager[ProjectionRunner]]


class NextBallotAccepted(BallotAccepted):
    """What the next release writes: a ballot with one more field."""

    channel: str = "device"


NextBallotAccepted.__name__ = BallotAccepted.__name__


class BallotWithdrawn(EventData):
    """What the next release writes: a type that is new."""

    topic: ClassVar[Topic] = Topic.BALLOTS
    credential: str


NEXT = {cls.type_name(): cls for cls in (NextBallotAccepted, BallotWithdrawn)}


def as_the_next_release_writes(event: EventData, value: bytes) -> bytes:
    written = json.loads(value) | {"data": event.model_dump(mode="json"), "type": event.type_name()}
    return json.dumps(written, sort_keys=True, separators=(",", ":")).encode()


@pytest.fixture(params=["new field", "new type"])
async def mixed(
    request: pytest.FixtureRequest, kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> KafkaSettings:
    """Three ballots of this release, one event of the next, three ballots of this release: in one partition."""
    for number in range(3):
        ballot = await producer.publish(new_ballot(number), partition=0)
    fields = new_ballot(3).model_dump()
    event = NextBallotAccepted(**fields) if request.param == "new field" else BallotWithdrawn(credential="c")
    async with AIOKafkaProducer(bootstrap_servers=kafka.bootstrap_servers) as next_release:
        value = as_the_next_release_writes(event, ballot.value)
        await next_release.send_and_wait(kafka.topic_name(Topic.BALLOTS), value, partition=0)
    for number in range(4, 7):
        await producer.publish(new_ballot(number), partition=0)
    return kafka


async def test_a_reader_gives_what_stands_before_it_and_stops_by_name(mixed: KafkaSettings) -> None:
    tail = EventTail(mixed, [Topic.BALLOTS])
    seen: list[Record | PoisonRecord] = []
    with pytest.raises(UnknownEvent) as unknown:
        async with asyncio.timeout(60):
            async for record in tail.read("earliest"):
                seen.append(record)
    assert [record.position.offset for record in seen] == [0, 1, 2]
    assert unknown.value.place == "ballots/0 offset 3"
    assert unknown.value.type_name in NEXT
    assert unknown.value.type_name in str(unknown.value)


async def test_a_projection_stops_there_and_goes_on_by_itself_after_the_upgrade(
    mixed: KafkaSettings,
    pool: asyncpg.Pool,
    producer: EventProducer,
    new_runner: NewRunner,
    running: Running,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Release N treated it as poison and went on: the ballot was acknowledged, and no table had it."""
    runner = new_runner(mixed, pool, producer)
    for _ in range(2):  # a restart of the same release comes to the same place
        with pytest.raises(UnknownEvent):
            async with asyncio.timeout(60):
                await runner.run()
    assert not await runner.caught_up()
    assert (
        await pool.fetchval("SELECT next_offset FROM consumer_offsets WHERE topic = 'ballots' AND partition = 0") == 3
    )
    # It has left the group: the next release is given the partition while this one still lives.
    for type_name, event_class in NEXT.items():
        monkeypatch.setitem(envelope._CLASS_BY_TYPE, type_name, event_class)
    async with running(mixed, pool) as upgraded:

        async def at_the_end() -> bool:
            return await upgraded.caught_up() and await upgraded.lag() == 0

        await eventually(at_the_end)
    rows = await pool.fetch('SELECT "offset" FROM applied WHERE partition = 0 ORDER BY 1')
    assert [row["offset"] for row in rows] in ([0, 1, 2, 3, 4, 5, 6], [0, 1, 2, 4, 5, 6])  # a withdrawal has no row
    letters = EventTail(mixed, [Topic.DEAD_LETTER])
    assert [record async for record in letters.read("earliest", until=await letters.end_offsets())] == []
