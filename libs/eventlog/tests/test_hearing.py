"""A reader that waits is told apart from one that hears nothing."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import aclosing
from typing import Any

import pytest
from aiokafka.client import AIOKafkaClient
from aiokafka.protocol.fetch import FetchRequest
from evote_eventlog import hearing, reading
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotAccepted, Topic
from evote_eventlog.hearing import Hearing
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import LogPartition
from evote_eventlog.tail import EventTail

NewBallot = Callable[..., BallotAccepted]
_ONE, _OTHER = LogPartition(Topic.BALLOTS, 0), LogPartition(Topic.BALLOTS, 1)


class Asked:
    """A hearing, its clock, and what Kafka answers."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, patience_s: float = 0) -> None:
        self.now, self.answers = 100.0, True
        self.ends, self.places = {_ONE: 5, _OTHER: 5}, {_ONE: 5, _OTHER: 5}
        monkeypatch.setattr(hearing, "monotonic", lambda: self.now)
        self.held: set[LogPartition] = set()
        self._hearing = Hearing(self._told, lambda: self.held, patience_s=patience_s)

    async def _told(self) -> dict[LogPartition, int]:
        if not self.answers:
            raise LogUnavailable("away")
        return dict(self.ends)

    async def wait(self, seconds: float, *, fetches: int = 100) -> None:
        """Read for so long, and check as often as a reader does."""
        until = self.now + seconds
        while self.now < until:
            self.now += hearing.ASKED_EVERY_S
            for _ in range(fetches):
                self._hearing.fetched()
            await self._hearing.check(lambda: self.places)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


async def test_who_waits_at_the_end_waits_for_ever(asked: Asked) -> None:
    await asked.wait(3600)


async def test_one_partition_that_stands_still_before_its_end_is_told_whatever_comes_of_others(asked: Asked) -> None:
    asked.ends[_ONE] = 6
    with pytest.raises(LogUnavailable, match=r"nothing is heard of .*ballots-0"):
        for _ in range(10):
            asked.ends[_OTHER] += 1
            asked.places[_OTHER] += 1
            await asked.wait(hearing.ASKED_EVERY_S)


async def test_who_is_behind_and_comes_nearer_is_not_deaf(asked: Asked) -> None:
    asked.ends[_ONE] = 1000
    for _ in range(100):
        asked.places[_ONE] += 1
        await asked.wait(hearing.DEAF_AFTER_S - hearing.ASKED_EVERY_S)


async def test_who_was_kept_from_fetching_is_not_deaf(asked: Asked) -> None:
    """A write, or the database, may take minutes."""
    asked.ends[_ONE] = 6
    await asked.wait(300, fetches=0)
    asked.places[_ONE] = 6
    await asked.wait(300)


async def test_who_holds_records_of_a_partition_has_heard_of_it(asked: Asked) -> None:
    asked.ends[_ONE] = 6
    asked.held.add(_ONE)
    await asked.wait(300)
    asked.held.clear()
    with pytest.raises(LogUnavailable, match="nothing is heard"):
        await asked.wait(2 * hearing.DEAF_AFTER_S)


async def test_kafka_may_be_silent_as_long_as_a_readers_patience_lasts(
    asked: Asked, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked.answers = False
    with pytest.raises(LogUnavailable):
        await asked.wait(hearing.ASKED_EVERY_S)
    patient = Asked(monkeypatch, patience_s=20)
    patient.answers = False
    await patient.wait(15)
    patient.answers = True
    await patient.wait(5)
    patient.answers = False
    await patient.wait(15)
    with pytest.raises(LogUnavailable):
        await patient.wait(5)


@pytest.mark.stack
async def test_a_tail_whose_fetches_come_back_no_more_ends_when_something_is_there_to_read(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    send, deaf = AIOKafkaClient.send, asyncio.Event()

    async def sent(client: AIOKafkaClient, node: int, request: object, **options: object) -> object:
        if isinstance(request, FetchRequest) and deaf.is_set():
            await asyncio.get_running_loop().create_future()
        return await send(client, node, request, **options)

    monkeypatch.setattr(AIOKafkaClient, "send", sent)
    monkeypatch.setattr(hearing, "ASKED_EVERY_S", 0.2)
    first = await producer.publish(new_ballot(0), partition=0)
    async with asyncio.timeout(60), aclosing(EventTail(kafka, [Topic.BALLOTS]).fetches("earliest")) as fetches:
        assert [record for batch in (await anext(fetches)).batches for record in batch.records] == [first]
        # Not before: on a busy machine the first may come after more than a second.
        monkeypatch.setattr(hearing, "DEAF_AFTER_S", 1.0)
        deaf.set()
        waiting = asyncio.ensure_future(anext(fetches))
        done, _ = await asyncio.wait([waiting], timeout=3)
        assert not done, "nothing is there to be heard"
        await producer.publish(new_ballot(1), partition=0)
        with pytest.raises(LogUnavailable, match="nothing is heard"):
            await waiting


@pytest.mark.stack
async def test_a_backlog_of_one_partition_makes_nobody_deaf_for_another_that_was_fetched_with_it(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot, monkeypatch: pytest.MonkeyPatch
) -> None:
    """aiokafka gives all that it holds of a partition before it comes to the next."""
    compared, compare = asyncio.Event(), Hearing._compare

    def seen(self: Hearing, *facts: Any) -> None:
        try:
            compare(self, *facts)
        finally:
            compared.set()

    monkeypatch.setattr(Hearing, "_compare", seen)
    monkeypatch.setattr(hearing, "ASKED_EVERY_S", 0.0)
    monkeypatch.setattr(hearing, "DEAF_AFTER_S", 0.0)
    monkeypatch.setattr(reading, "_BATCH_RECORDS", 5)
    backlog = 5 * (hearing._FETCHES + 10)
    published = await asyncio.gather(
        *(
            producer.publish(new_ballot(number), partition=partition)
            for partition in (0, 1)
            for number in range(backlog)
        )
    )
    left = {record.position for record in published}
    async with asyncio.timeout(60), aclosing(EventTail(kafka, [Topic.BALLOTS]).fetches("earliest")) as fetches:
        async for fetch in fetches:
            left.difference_update(record.position for batch in fetch.batches for record in batch.records)
            if not left:
                break
            compared.clear()
            await compared.wait()
