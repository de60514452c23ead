"""The projection follows from the log alone: replayed, interleaved otherwise, or fed events twice."""

from __future__ import annotations

from contextlib import aclosing
from itertools import permutations

import asyncpg
import pytest
from evote_eventlog.events import ElectionClosed, ResultComputed, Topic
from evote_eventlog.record import Record
from evote_eventlog.replay import replay
from evote_eventlog.tail import EventTail
from evote_local.testbed import eventually
from evote_platform.database import Schema, migrate, open_pool
from evote_tally.projection import TallyProjection
from evote_tally.service import SCHEMA
from pydantic import SecretStr

pytestmark = pytest.mark.stack

YES = [0, 1, 0]


async def dump(pool: asyncpg.Pool) -> dict[str, list[str]]:
    tables = (*TallyProjection.tables, "consumer_offsets")
    return {
        table: [str(row) for row in await pool.fetch(f"SELECT t.*::text FROM {table} AS t ORDER BY 1")]
        for table in tables
    }


async def test_figures_of_the_ballots_are_made_when_they_have_doubled(database_url: str) -> None:
    migrate(SecretStr(database_url), SCHEMA)
    async with await open_pool(SecretStr(database_url), SCHEMA.name, max_size=1) as pool:
        options = await pool.fetchval("SELECT reloptions FROM pg_class WHERE oid = 'ballots'::regclass")
    assert "autovacuum_analyze_scale_factor=1" in options


async def a_counted_election(officer, stand_ins) -> None:
    await officer.draft()
    election_json = await officer.open_with(stand_ins, 2, "Ed25519")
    first, second = stand_ins.auth.private
    ballots = [await stand_ins.ballot.cast(election_json, voter, YES) for voter in (first, second, first)]
    await stand_ins.ledger.log(*ballots)
    await officer.post("/close")
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")


async def test_a_replay_gives_the_same_rows(officer, stand_ins, kafka, database_url) -> None:
    await a_counted_election(officer, stand_ins)
    async with await open_pool(SecretStr(database_url), "tally") as pool:
        before = await dump(pool)
        await replay(kafka, pool, TallyProjection(), lambda done, total: None)

        async def examined_again() -> bool:
            return await dump(pool) == before

        await eventually(examined_again)
        assert len(before["ballots"]) == 3
        assert len(before["facts"]) > 15
    assert await officer.state() == "tallied"


async def test_no_interleaving_of_topics_changes_a_row(officer, stand_ins, kafka, database_url) -> None:
    await a_counted_election(officer, stand_ins)
    tail = EventTail(kafka, TallyProjection.topics)
    records: dict[Topic, list[Record]] = {topic: [] for topic in TallyProjection.topics}
    async with aclosing(tail.batches("earliest", until=await tail.end_offsets())) as batches:
        async for batch in batches:
            records[batch.partition.topic] += [r for r in batch.records if isinstance(r, Record)]
    schema = "tally_again"
    migrate(SecretStr(database_url), Schema(schema, SCHEMA.migrations))
    dumps = []
    async with await open_pool(SecretStr(database_url), schema) as pool:
        for order in list(permutations(sorted(TallyProjection.topics)))[::17]:
            async with pool.acquire() as connection:
                await connection.execute(f"TRUNCATE {', '.join(TallyProjection.tables)}")
                for topic in order:
                    for record in records[topic]:
                        await TallyProjection().apply(connection, record)
            dumps.append(await dump(pool))
    assert len(dumps) == 8
    assert all(other == dumps[0] for other in dumps)


async def test_events_that_come_twice_or_too_early_change_nothing(officer, stand_ins) -> None:
    await officer.draft()
    await stand_ins.producer.publish(ResultComputed(election_uuid=officer.uuid, result="{}"))
    await stand_ins.producer.publish(ElectionClosed(election_uuid=officer.uuid, reason="officer"))
    election_json = await officer.open_with(stand_ins, 2, "Ed25519")
    assert await officer.state() == "open"
    await officer.post("/close")
    await stand_ins.producer.publish(ElectionClosed(election_uuid=officer.uuid, reason="closing-time"))
    await stand_ins.ledger.log(*await stand_ins.ballot.close_box(officer.uuid))
    await officer.until("tallied")
    assert (await officer.get("")).json()["close_reason"] == "officer"
    assert (await officer.get("/election.json")).text == election_json
