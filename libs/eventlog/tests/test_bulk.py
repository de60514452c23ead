"""Many records at once: the tables and the poison are those of one record after the other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime

import asyncpg
import pytest
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.errors import ApplyFailed, LogUnavailable
from evote_eventlog.events import BallotAccepted, Topic
from evote_eventlog.projection import BatchApplier, Projection
from evote_eventlog.record import Batch, LogPartition, PoisonRecord, Record, RecordPosition

pytestmark = pytest.mark.stack

NOW = datetime(2026, 11, 25, tzinfo=UTC)
PARTITION = LogPartition(Topic.BALLOTS, 0)
NewBallot = Callable[..., BallotAccepted]


class Bulk:
    """The plain projection of the other tests, with a way to write all rows at once."""

    def __init__(self, plain: Projection) -> None:
        self.name, self.topics, self.tables, self.apply = plain.name, plain.topics, plain.tables, plain.apply
        self.sizes: list[int] = []
        self.away = False

    async def apply_all(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        if self.away:
            raise LogUnavailable("away")
        self.sizes.append(len(records))
        for record in records:
            await self.apply(connection, record)


def batch(new_ballot: NewBallot, trackers: Sequence[str | None]) -> Batch:
    """A record for each tracker; None is one that can't be read."""
    records: list[Record | PoisonRecord] = []
    for offset, tracker in enumerate(trackers):
        position = RecordPosition(*PARTITION, offset)
        if tracker is None:
            records.append(PoisonRecord(position, b"", "not JSON"))
            continue
        envelope = Envelope.wrap(new_ballot(offset, tracker=tracker), id=str(offset), source="test", time=NOW)
        records.append(Record(position, envelope, encode(envelope)))
    return Batch(PARTITION, 0, len(records), records)


async def outcome(pool: asyncpg.Pool, projection: Projection, given: Batch) -> tuple[object, ...]:
    """What a batch leaves behind in empty tables: rows, dead letters in their order, counts, offset."""
    await pool.execute("TRUNCATE applied, consumer_offsets")
    refused: list[tuple[RecordPosition, str]] = []

    async def note(poison: PoisonRecord) -> None:
        refused.append((poison.position, poison.reason))

    applied = await BatchApplier(pool, projection, note).apply(given)
    rows = [tuple(row) for row in await pool.fetch('SELECT * FROM applied ORDER BY partition, "offset"')]
    return rows, refused, applied


async def one_by_one(pool: asyncpg.Pool, projection: Projection, given: Batch) -> tuple[object, ...]:
    """The same by batches of a single record, which leave nothing to share a savepoint with."""
    await pool.execute("TRUNCATE applied, consumer_offsets")
    refused: list[tuple[RecordPosition, str]] = []

    async def note(poison: PoisonRecord) -> None:
        refused.append((poison.position, poison.reason))

    applier = BatchApplier(pool, projection, note)
    for offset, record in enumerate(given.records):
        await applier.apply(Batch(PARTITION, offset, offset + 1, [record]))
    rows = [tuple(row) for row in await pool.fetch('SELECT * FROM applied ORDER BY partition, "offset"')]
    return rows, refused


@pytest.mark.parametrize(
    "trackers",
    [
        ["a", "b", "c"],
        [None, "a", None],
        [None],
        [],
        ["poison"],
        ["a", "poison", "b"],
        ["poison", "a", "poison", None, "b", "poison"],
    ],
    ids=repr,
)
async def test_poison_in_a_batch_is_set_apart_as_it_would_be_alone(
    pool: asyncpg.Pool, projection: Projection, new_ballot: NewBallot, trackers: list[str | None]
) -> None:
    given = batch(new_ballot, trackers)
    rows, refused = await one_by_one(pool, projection, given)
    for each in (projection, Bulk(projection)):
        batched_rows, batched_refused, applied = await outcome(pool, each, given)
        assert (batched_rows, batched_refused) == (rows, refused)
        assert (applied.events.total(), applied.poison) == (len(rows), len(refused))
        assert applied.next_offset == len(trackers)


async def test_records_that_are_all_good_are_written_at_once(
    pool: asyncpg.Pool, projection: Projection, new_ballot: NewBallot
) -> None:
    bulk = Bulk(projection)
    await outcome(pool, bulk, batch(new_ballot, ["a", None, "b", "c"]))
    assert bulk.sizes == [3]


@pytest.mark.parametrize("fault", ["bug", "refused"])
@pytest.mark.parametrize(
    "trackers", [["{}"], ["{}", "a"], ["a", "poison", "{}", "b"], [None, "{}", None], ["a", "{}", "poison", "{}"]]
)
async def test_a_record_that_fails_for_no_reason_of_its_own_stays_and_so_does_all_behind_it(
    pool: asyncpg.Pool, projection: Projection, new_ballot: NewBallot, trackers: list[str | None], fault: str
) -> None:
    given = batch(new_ballot, [tracker and tracker.format(fault) for tracker in trackers])
    at = trackers.index("{}")
    rows, refused, _ = await outcome(pool, projection, Batch(PARTITION, 0, at, given.records[:at]))
    for each in (projection, Bulk(projection)):
        await pool.execute("TRUNCATE applied, consumer_offsets")
        noted: list[tuple[RecordPosition, str]] = []

        async def note(poison: PoisonRecord, noted: list[tuple[RecordPosition, str]] = noted) -> None:
            noted.append((poison.position, poison.reason))

        with pytest.raises(ApplyFailed) as failed:
            await BatchApplier(pool, each, note).apply(given)
        assert failed.value.offset == at
        assert [tuple(row) for row in await pool.fetch('SELECT * FROM applied ORDER BY partition, "offset"')] == rows
        assert noted == refused
        assert await pool.fetchval("SELECT next_offset FROM consumer_offsets") == at


async def test_a_bulk_write_that_fails_for_a_while_applies_nothing_and_condemns_nobody(
    pool: asyncpg.Pool, projection: Projection, new_ballot: NewBallot
) -> None:
    bulk = Bulk(projection)
    bulk.away = True
    with pytest.raises(LogUnavailable):
        await outcome(pool, bulk, batch(new_ballot, ["a", "poison"]))
    assert await pool.fetchval("SELECT count(*) FROM applied") == 0
    assert await pool.fetchval("SELECT count(*) FROM consumer_offsets") == 0
    bulk.away = False
    _, refused, _ = await outcome(pool, bulk, batch(new_ballot, ["a", "poison"]))
    assert len(refused) == 1
