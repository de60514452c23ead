"""Casting while Kafka or PostgreSQL breaks: each write lost, and each landed but reported as failed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta

import pytest
from evote_ballot import readback, store
from evote_ballot.domain import history
from evote_ballot.settings import BallotSettings
from evote_eventlog.events import BallotAccepted, BallotBoxClosed
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.reading import LogReader
from evote_local.faults import WRITES, BrokenWrite, Fault, breaking, every_fault
from evote_local.testbed import MovableClock, eventually

from .conftest import polling_place

pytestmark = [pytest.mark.stack, pytest.mark.slow]


async def test_a_ballot_whose_write_broke_is_taken_in_once_when_its_voter_repeats_it(place, subtests) -> None:
    for broken in every_fault("ballot casts"):
        with subtests.test(str(broken)):
            cast = place.new_cast(0)
            with breaking(broken) as seen:
                refused = await place.post(cast)
            assert seen.reached == [broken]
            assert refused.status_code == 503 and refused.headers["retry-after"] and "tracker" not in refused.json()

            receipts = [(await place.post(cast)).json() for _ in range(3)]

            tracker = receipts[0]["tracker"]
            records = await place.services.records(place.election.uuid, BallotAccepted)
            stand = [record.position for record in records if record.envelope.data.tracker == tracker]
            assert 1 <= len(stand) <= 2, "a repeated publish may stand twice; only the first counts"
            assert receipts == [receipts[0]] * 3
            assert receipts[0]["position"] == {"partition": stand[0].partition, "offset": stand[0].offset}


async def test_nobody_is_told_that_no_ballots_are_left_of_one_that_was_let_in_and_had_no_answer(
    place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It waits in a producer, another one of the voter's comes into the log as the last that may, and then it comes."""
    for module in (history, store):
        monkeypatch.setattr(module, "MOST_BALLOTS", 2)
    await place.cast(0)
    waiting, last, another = (place.new_cast(0, number=number) for number in (3, 2, 4))
    with breaking(BrokenWrite("BallotAccepted", 0, Fault.LOST)):
        assert await place.refused(waiting) == (503, "log-unavailable")
    assert (await place.post(last)).status_code == 201

    async def counted() -> bool:
        return await place.service.pool.fetchval("SELECT count(*) FROM ballots") == 2

    await eventually(counted)
    assert await place.refused(another) == (403, "no-ballots-left")
    assert (await place.post(waiting)).status_code == 201
    assert (await place.post(waiting)).status_code == 200
    assert await place.refused(another) == (403, "no-ballots-left")


@pytest.mark.parametrize("fault", Fault)
async def test_a_box_is_closed_in_every_partition_though_each_marker_broke_once(
    kafka: KafkaSettings, ballot_settings: BallotSettings, clock: MovableClock, fault: Fault
) -> None:
    markers = [broken for broken in every_fault("ballot closes the box") if broken.fault is fault]
    with breaking(*markers) as seen:
        async with polling_place(kafka, ballot_settings, clock, replicas=1) as place:
            ballot = place.ballot(0)
            receipt = (await place.post(ballot)).json()
            await place.services.close_election(place.election.uuid)

            async def closed() -> bool:
                records = await place.services.records(place.election.uuid, BallotBoxClosed)
                return {record.position.partition for record in records} == {0, 1, 2} and seen.reached == markers

            await eventually(closed)

            async def told() -> bool:
                return await place.refused(place.new_cast(1)) == (403, "election-closed")

            await eventually(told)
            assert (await place.post(ballot)).json() == receipt


async def test_a_cast_makes_the_writes_of_the_table_and_no_other(place) -> None:
    with breaking() as seen:
        await place.cast(0)
    assert tuple(seen.names) == WRITES["ballot casts"]


async def test_the_reader_goes_on_when_the_tables_were_away(kafka, monkeypatch) -> None:
    """PostgreSQL has another primary within half a minute; a replica that ends itself meanwhile is away for minutes."""
    monkeypatch.setattr(readback, "_PRUNE_EVERY_S", 0.0)
    asked = 0

    async def places():
        nonlocal asked
        asked += 1
        if asked in (1, 3):  # at the start, and while it reads
            raise ConnectionRefusedError
        return {}

    reader = readback.ReadBack(kafka, places)
    reading = asyncio.create_task(reader.run())

    async def asked_again() -> bool:
        return asked > 4 or reading.done()

    await eventually(asked_again)
    assert not reading.done()
    await reader.catch_up()
    reading.cancel()


@pytest.mark.usefixtures("as_deployed")
async def test_while_the_log_is_not_read_nobody_is_told_closed_of_a_ballot_that_counts(
    kafka_of_its_own, ballot_settings_for, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its acknowledgement was lost, and neither the replica's reader nor the tables come to it before the hour."""
    node, kafka = kafka_of_its_own
    async with polling_place(kafka, ballot_settings_for(kafka), clock, replicas=1) as place:
        cast, go_on, held = place.new_cast(0), asyncio.Event(), set[str]()
        for name in ("look", "next_batches"):
            monkeypatch.setattr(LogReader, name, held_until(go_on, held, getattr(LogReader, name)))

        async def nobody_reads() -> bool:
            return held == {"look", "next_batches"}

        await eventually(nobody_reads)
        with breaking(BrokenWrite("BallotAccepted", 0, Fault.LANDED)):
            assert await place.refused(cast) == (503, "log-unavailable")
        clock.moved = timedelta(hours=9)
        assert await place.refused(cast) == (503, "close-pending")
        node.kill()
        assert await place.refused(cast) == (503, "close-pending")
        go_on.set()
        await asyncio.to_thread(node.start)

        async def has_receipt() -> bool:
            return (await place.post(cast)).status_code == 200

        await eventually(has_receipt)
        await place.services.close_election(place.election.uuid)

        async def closed() -> bool:
            return bool(await place.service.pool.fetchval("SELECT count(*) = 3 FROM close_markers"))

        await eventually(closed)
        node.kill()  # who comes now costs it nothing, and needs nothing of it
        assert [await place.refused(place.new_cast(voter)) for voter in (0, 1, 2)] == [(403, "election-closed")] * 3
        assert await has_receipt()


def held_until(
    go_on: asyncio.Event, held: set[str], read: Callable[..., Awaitable[object]]
) -> Callable[..., Awaitable[object]]:
    async def hold(*arguments: object, **options: object) -> object:
        held.add(read.__name__)
        await go_on.wait()
        return await read(*arguments, **options)

    return hold
