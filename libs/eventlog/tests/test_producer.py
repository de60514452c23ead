"""Producers on a real Kafka: durable or refused in time, in order, atomic, fenced."""

from __future__ import annotations

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import pytest
from aiokafka.errors import DuplicateSequenceNumber
from aiokafka.producer.sender import SendProduceReqHandler
from evote_eventlog.delivery import BATCH_MAX_BYTES
from evote_eventlog.envelope import decode
from evote_eventlog.errors import EventTooLarge, Fenced, LogUnavailable
from evote_eventlog.events import BallotAccepted, BallotBoxClosed, ElectionClosed, Topic
from evote_eventlog.kafka import EVENT_MAX_BYTES, KafkaSettings, partition_of
from evote_eventlog.metrics import PublishMetrics
from evote_eventlog.producer import PUBLISH_TIMEOUT_S, EventProducer
from evote_eventlog.record import PoisonRecord, Record
from evote_eventlog.tail import EventTail
from evote_eventlog.transactional import TransactionalProducer
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.ports import free_port
from evote_local.testbed import lengthened
from prometheus_client import CollectorRegistry

from .brokers import start_again, until_readable

pytestmark = pytest.mark.stack

NewBallot = Callable[..., BallotAccepted]
NewClose = Callable[[], ElectionClosed]
Clock = Callable[[], datetime]


async def committed(kafka: KafkaSettings, topics: Iterable[Topic]) -> list[Record | PoisonRecord]:
    tail = EventTail(kafka, frozenset(topics))
    return [record async for record in tail.read("earliest", until=await tail.end_offsets())]


def trackers(records: Iterable[Record | PoisonRecord]) -> Counter[str]:
    return Counter(
        record.envelope.data.tracker
        for record in records
        if isinstance(record, Record) and isinstance(record.envelope.data, BallotAccepted)
    )


async def test_a_published_event_stands_where_the_record_says(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    written = await producer.publish(new_ballot(1))
    (read,) = await committed(kafka, [Topic.BALLOTS])
    assert read == written
    assert decode(written.value) == written.envelope
    assert written.envelope.source == "test"


async def test_ballots_of_one_credential_keep_their_order_in_one_partition(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    written = [await producer.publish(new_ballot(20 * i)) for i in range(10)]
    assert len({record.position.partition for record in written}) == 1
    assert await committed(kafka, [Topic.BALLOTS]) == written


async def test_events_that_are_published_together_stand_one_behind_the_other_where_their_key_belongs(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    alone = await producer.publish(new_ballot(0))
    pairs = [[new_ballot(20 * n), new_ballot(20 * n + 20)] for n in range(1, 9)]
    written = await asyncio.gather(*(producer.publish_together(pair) for pair in pairs))
    for pair, records in zip(pairs, written, strict=True):
        first, second = records
        assert [record.envelope.data for record in records] == pair
        assert second.position == first.position._replace(offset=first.position.offset + 1)
        assert first.position.partition == alone.position.partition
    read = await committed(kafka, [Topic.BALLOTS])
    assert read == sorted([alone, *(record for records in written for record in records)], key=lambda r: r.position)


async def test_only_events_of_one_key_that_fit_into_a_batch_are_published_together(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    with pytest.raises(ValueError, match="key"):
        await producer.publish_together([new_ballot(1), new_ballot(2)])
    large = new_ballot(1).model_copy(update={"ballot": "x" * (BATCH_MAX_BYTES // 2)})
    with pytest.raises(EventTooLarge):
        await producer.publish_together([large, large])
    assert await committed(kafka, [Topic.BALLOTS]) == []
    written = await producer.publish_together([large, new_ballot(1)])
    assert await committed(kafka, [Topic.BALLOTS]) == written


async def test_a_marker_goes_to_the_partition_that_it_names(kafka: KafkaSettings, producer: EventProducer) -> None:
    count = await producer.partition_count(Topic.BALLOTS)
    assert count == 3
    for partition in range(count):
        marker = BallotBoxClosed(election_uuid="1" * 14, partition=partition, partitions=count)
        record = await producer.publish(marker, partition=partition)
        assert record.position.partition == partition


async def test_an_event_at_the_limit_is_written_and_one_above_is_refused(
    producer: EventProducer, new_ballot: NewBallot
) -> None:
    small = await producer.publish(new_ballot(1))
    room = EVENT_MAX_BYTES - len(small.value) + len("{}")
    at_limit = new_ballot(1).model_copy(update={"ballot": "x" * room})
    assert len((await producer.publish(at_limit)).value) == EVENT_MAX_BYTES
    with pytest.raises(EventTooLarge):
        await producer.publish(new_ballot(1).model_copy(update={"ballot": "x" * (room + 1)}))


async def test_a_producer_whose_sequence_broke_reconnects(producer: EventProducer, new_ballot: NewBallot) -> None:
    await producer.publish(new_ballot(1))
    assert producer._producer is not None
    sender = producer._producer._sender.sender_task
    sender.cancel()
    await asyncio.wait([sender])
    record = await producer.publish(new_ballot(1))
    assert record.position.offset == 1


async def test_the_partition_of_a_key_is_where_the_producers_put_its_events(
    producer: EventProducer, new_ballot: NewBallot
) -> None:
    ballots = [new_ballot(number) for number in range(12)]
    written = [await producer.publish(ballot) for ballot in ballots]
    places = [record.position.partition for record in written]
    assert places == [partition_of(ballot.partition_key(), 3) for ballot in ballots]
    assert set(places) == {0, 1, 2}


@contextmanager
def forgotten_places() -> Iterator[None]:
    """Acknowledgements are those of a broker which doesn't remember the batches any more."""
    handle = SendProduceReqHandler.handle_response

    def answer(handler: SendProduceReqHandler, response: Any) -> None:
        error = DuplicateSequenceNumber.errno
        response.topics = [
            (topic, [(partition, error, -1, -1, -1, *rest[2:]) for partition, _, _, *rest in partitions])
            for topic, partitions in response.topics
        ]
        handle(handler, response)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SendProduceReqHandler, "handle_response", answer)
        yield


async def test_an_acknowledgement_that_names_no_place_leaves_the_outcome_unknown(
    kafka: KafkaSettings, producer: EventProducer, new_ballot: NewBallot
) -> None:
    with forgotten_places():
        answers = await asyncio.gather(
            *(producer.publish(new_ballot(20 * number)) for number in range(5)), return_exceptions=True
        )
        assert [type(answer) for answer in answers] == [LogUnavailable] * 5
        with pytest.raises(LogUnavailable):
            await producer.publish_together([new_ballot(100), new_ballot(120)])
    again = await producer.publish(new_ballot(20))
    read = await committed(kafka, [Topic.BALLOTS])
    assert (len(read), read[-1]) == (8, again), "all of it was in the log; who publishes again adds a copy"


async def test_a_transaction_of_which_one_place_is_not_known_is_not_committed(
    kafka: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    producer = TransactionalProducer(kafka, "test", clock, "places")
    await producer.start()
    with forgotten_places(), pytest.raises(LogUnavailable):
        await producer.publish_all([new_ballot(1)])
    with pytest.raises(LogUnavailable):
        await producer.publish_all([new_ballot(1)])
    await producer.start()
    written = await producer.publish_all([new_ballot(1)])
    assert await committed(kafka, [Topic.BALLOTS]) == written
    await producer.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("as_deployed")
async def test_a_producer_may_start_before_kafka(
    broker: KafkaNode, broker_settings: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    broker.stop()
    registry = CollectorRegistry()
    producer = EventProducer(broker_settings, "test", clock, metrics=PublishMetrics(registry))
    await producer.start()
    with pytest.raises(LogUnavailable) as away:
        await producer.publish(new_ballot(1))
    assert away.value.retry_after_s > 0
    with pytest.raises(LogUnavailable):
        await producer.check()
    await start_again(broker, broker_settings)
    await producer.check()
    await producer.publish(new_ballot(2))
    await producer.stop()
    for outcome in ("ok", "failed"):
        name, labels = "evote_kafka_publish_duration_seconds_count", {"outcome": outcome}
        assert registry.get_sample_value(name, labels) == 1, outcome


@pytest.mark.slow
@pytest.mark.usefixtures("as_deployed")
async def test_an_outage_of_ten_seconds_loses_nothing_that_was_acknowledged(
    broker: KafkaNode, broker_settings: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    producer = EventProducer(broker_settings, "test", clock)
    await producer.start()
    acknowledged: list[Record] = []
    refused: list[str] = []

    async def publish(number: int) -> None:
        try:
            # The bound that callers rely on, and what a busy machine needs to notice that it is reached.
            async with asyncio.timeout(PUBLISH_TIMEOUT_S + 25):
                acknowledged.append(await producer.publish(new_ballot(number)))
        except LogUnavailable:
            refused.append(f"tracker-{number}")

    while not acknowledged:  # a broker that has just started may take longer over its first
        await publish(0)
    refused.clear()
    with lengthened("evote_eventlog.producer.PUBLISH_TIMEOUT_S"):
        await asyncio.gather(*(publish(number) for number in range(1, 20)))
    assert not refused
    in_flight = [asyncio.create_task(publish(number)) for number in range(20, 40)]
    await asyncio.sleep(0)
    broker.kill()
    await asyncio.gather(*in_flight)
    for round_number in range(3):  # three rounds of at most 4.5 s: over ten seconds without a broker
        await asyncio.gather(*(publish(40 + 10 * round_number + i) for i in range(10)))
    assert len(refused) >= 30
    await start_again(broker, broker_settings)
    before = len(acknowledged)
    while len(acknowledged) == before:
        await publish(100)
    await asyncio.gather(*(publish(number) for number in range(101, 120)))
    records = await committed(broker_settings, [Topic.BALLOTS])
    counts = trackers(records)
    assert {r.position for r in acknowledged} <= {r.position for r in records}
    assert all(counts[tracker] <= 1 for tracker in refused if tracker != "tracker-100")
    assert sum(counts.values()) == len(records)
    await producer.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("as_deployed")
async def test_a_frozen_broker_is_reported_and_closing_does_not_wait_for_it(
    broker: KafkaNode, broker_settings: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    producer = EventProducer(broker_settings, "test", clock)
    await producer.start()
    await producer.publish(new_ballot(1))
    assert broker.pid is not None
    os.kill(broker.pid, signal.SIGSTOP)
    try:
        with pytest.raises(LogUnavailable):
            await producer.publish(new_ballot(2))
        async with asyncio.timeout(50):
            await producer.stop()
    finally:
        os.kill(broker.pid, signal.SIGCONT)


async def test_a_transaction_is_read_whole_or_not_at_all(
    kafka: KafkaSettings, new_ballot: NewBallot, new_close: NewClose, clock: Clock
) -> None:
    writer = TransactionalProducer(kafka, "test", clock, "writer")
    await writer.start()
    written = await writer.publish_all([new_ballot(1), new_close(), new_ballot(2)])
    again = await writer.publish_all([new_ballot(3)])
    await until_readable(kafka, again)
    records = await committed(kafka, [Topic.BALLOTS, Topic.ELECTIONS])
    assert sorted(records, key=lambda r: r.position) == sorted(written + again, key=lambda r: r.position)
    await writer.stop()


async def test_an_unfinished_transaction_is_never_read(
    kafka: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    first = TransactionalProducer(kafka, "test", clock, "writer")
    await first.start()
    await first.publish_all([new_ballot(1)])
    assert first._producer is not None
    await first._producer.begin_transaction()
    await first._producer.send_and_wait(kafka.topic_name(Topic.BALLOTS), b"half a checkpoint", key=b"k")
    second = TransactionalProducer(kafka, "test", clock, "writer")
    await second.start()
    await until_readable(kafka, await second.publish_all([new_ballot(2)]))
    assert trackers(await committed(kafka, [Topic.BALLOTS])) == {"tracker-1": 1, "tracker-2": 1}
    await first.stop()
    await second.stop()


async def test_the_last_writer_to_start_fences_the_one_before(
    kafka: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    old = TransactionalProducer(kafka, "test", clock, "writer")
    new = TransactionalProducer(kafka, "test", clock, "writer")
    await old.start()
    await old.publish_all([new_ballot(1)])
    await new.start()
    with pytest.raises(Fenced):
        await old.publish_all([new_ballot(2), new_ballot(3)])
    with pytest.raises(LogUnavailable):
        await old.publish_all([new_ballot(2)])
    await until_readable(kafka, await new.publish_all([new_ballot(4)]))
    assert trackers(await committed(kafka, [Topic.BALLOTS])) == {"tracker-1": 1, "tracker-4": 1}
    await new.stop()


async def test_a_transactional_id_is_taken_per_deployment(
    kafka: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    """Two deployments on one Kafka differ by the prefix of their topics and never fence each other."""
    here = TransactionalProducer(kafka, "test", clock, "writer")
    elsewhere = TransactionalProducer(KafkaSettings(kafka.bootstrap_servers, "other."), "test", clock, "writer")
    await here.start()
    await elsewhere.start()
    await here.publish_all([new_ballot(1)])
    await here.stop()
    await elsewhere.stop()


@pytest.mark.slow
@pytest.mark.usefixtures("as_deployed")
async def test_after_an_outage_the_outcome_is_settled_by_starting_again(
    broker: KafkaNode, broker_settings: KafkaSettings, new_ballot: NewBallot, clock: Clock
) -> None:
    writer = TransactionalProducer(broker_settings, "test", clock, "writer")
    await writer.start()
    await writer.publish_all([new_ballot(1)])
    broker.kill()
    with pytest.raises(LogUnavailable):
        await writer.publish_all([new_ballot(2), new_ballot(3)])
    with pytest.raises(LogUnavailable, match="not started"):
        await writer.publish_all([new_ballot(4)])
    await start_again(broker, broker_settings)
    await writer.start()
    settled = trackers(await committed(broker_settings, [Topic.BALLOTS]))
    assert settled in ({"tracker-1": 1}, {"tracker-1": 1, "tracker-2": 1, "tracker-3": 1})
    await until_readable(broker_settings, await writer.publish_all([new_ballot(5)]))
    assert trackers(await committed(broker_settings, [Topic.BALLOTS])) == {**settled, "tracker-5": 1}
    await writer.stop()


async def test_a_writer_that_can_not_reach_kafka_says_so(new_ballot: NewBallot, clock: Clock) -> None:
    writer = TransactionalProducer(KafkaSettings(f"127.0.0.1:{free_port()}"), "test", clock, "writer")
    with pytest.raises(LogUnavailable):
        await writer.start()
