from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import CheckpointSigned
from evote_eventlog.offsets import lock_offsets
from evote_eventlog.record import LogPartition
from evote_ledger_anchor.domain import Sequenced
from evote_ledger_anchor.service import SCHEMA
from evote_ledger_anchor.store import newest_checkpoint, next_offsets, sequenced
from evote_local.testbed import bytes_of
from evote_platform.database import schema_pool
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import Frontier
from pydantic import SecretStr

pytestmark = pytest.mark.stack


async def dump(pool: asyncpg.Pool) -> dict[str, list[tuple[Any, ...]]]:
    tables = ("records", "entries", "tiles", "checkpoints")
    return {table: sorted(map(tuple, await pool.fetch(f"SELECT * FROM {table}"))) for table in tables}


async def test_records_and_checkpoints_may_come_in_any_interleaving(log: Any, events: Any, pool: asyncpg.Pool) -> None:
    records = [log.record(events.ballot(number), number % 3) for number in range(300)]
    for record in records:
        await log.apply(record)
    checkpoints = await log.checkpoints(records)
    for checkpoint in checkpoints:
        await log.apply(checkpoint)
    expected = await dump(pool)
    assert len(expected["entries"]) == 300
    await pool.execute("TRUNCATE records, entries, tiles, checkpoints")
    for record in [*checkpoints, *reversed(records)]:
        await log.apply(record)
    assert await dump(pool) == expected


async def test_the_tables_tell_a_new_leader_what_the_old_one_knew(log: Any, events: Any, pool: asyncpg.Pool) -> None:
    ballots = [events.ballot(number) for number in range(3)]
    records = [log.record(ballot, 1) for ballot in ballots]
    records += [log.record(events.marker(1), 1), log.record(events.ballot(9), 1), log.record(events.closed())]
    unlogged = log.record(events.ballot(10), 2)
    for record in [*records, *await log.checkpoints(records), unlogged]:
        await log.apply(record)
    async with pool.acquire() as connection, connection.transaction():
        known = await sequenced(connection)
    assert known.closed == log.rules.closed == {(events.election, 1)}
    assert known.ballots.keys() == log.rules.ballots.keys() == {events.election}
    admitted, expected = known.ballots[events.election], log.rules.ballots[events.election]
    assert set(admitted.digests) == set(expected.digests)
    assert len(admitted.digests) == len(admitted.last_numbers) == len(expected.last_numbers) == 3
    assert [admitted.last_numbers.get(ballot.credential) for ballot in ballots] == [
        expected.last_numbers.get(ballot.credential) for ballot in ballots
    ]
    assert {(p.topic.value, p.partition): at for p, at in (await next_offsets(pool)).items()} == {
        ("ballots", 1): 4,
        ("elections", 0): 1,
    }


def test_a_new_leader_takes_no_more_memory_while_it_reads_than_it_keeps(database_url: str, events: Any) -> None:
    """At the peak, of each ballot: what a process has taken once for objects of Python, it seldom gives back."""

    async def append(first: int, behind: int) -> None:
        async with schema_pool(SecretStr(database_url), SCHEMA) as pool:
            await pool.execute(
                "INSERT INTO records SELECT 'ballots', 0, n, '', $1, sha256(int4send(n)),"
                " encode(sha256(int8send(n)), 'hex'), 1, NULL FROM generate_series($2::integer, $3 - 1) AS n",
                events.election,
                first,
                behind,
            )
            await pool.execute(
                "INSERT INTO entries SELECT n, 'ballots', 0, n, '' FROM generate_series($1::integer, $2 - 1) AS n",
                first,
                behind,
            )

    async def take_over() -> Sequenced:
        async with (
            schema_pool(SecretStr(database_url), SCHEMA) as pool,
            pool.acquire() as connection,
            connection.transaction(),
        ):
            return await sequenced(connection)

    less, more = 4096, 16385
    asyncio.run(append(0, less))
    before, _ = bytes_of(lambda: asyncio.run(take_over()))
    asyncio.run(append(less, more))
    peak, _ = bytes_of(lambda: asyncio.run(take_over()))
    assert len(asyncio.run(take_over()).ballots[events.election].digests) == more
    assert (peak - before) / (more - less) < 150


async def test_many_records_at_once_leave_the_rows_of_one_after_the_other(
    log: Any, events: Any, pool: asyncpg.Pool
) -> None:
    ballots = [log.record(events.ballot(number, size=number * 100), 1) for number in range(50)]
    ballots += [
        log.record(event, 1) for event in (events.marker(1), events.marker(2), events.ballot(9, tracker="false"))
    ]
    identity = [
        log.record(events.authenticated(1)),
        log.record(events.credentials(0)),
        log.record(events.authenticated(2)),
    ]
    batches = [ballots, identity, [log.record(events.closed())], await log.checkpoints([*ballots, *identity])]
    for record in [record for batch in batches for record in batch]:
        await log.apply(record)
    expected = await dump(pool)
    assert len(expected["records"]) == 53
    await pool.execute("TRUNCATE records, entries, tiles, checkpoints")
    for batch in batches:
        async with pool.acquire() as connection, connection.transaction():
            await log.projection.apply_all(connection, batch)
    assert await dump(pool) == expected


async def test_a_crash_of_the_database_never_shortens_the_log_that_was_served(
    log: Any, events: Any, pool: asyncpg.Pool
) -> None:
    records = [log.record(events.ballot(number)) for number in range(2)]
    batches = [records, await log.checkpoints(records)]
    waited = []
    for batch in batches:
        async with pool.acquire() as connection, connection.transaction():
            topic, number, _ = batch[0].position
            await lock_offsets(connection, log.projection.name, [LogPartition(topic, number)])
            await log.projection.apply_all(connection, batch)
            waited.append(await connection.fetchval("SHOW synchronous_commit"))
    assert waited == ["off", "on"]


async def test_events_about_a_voter_are_not_stored(log: Any, events: Any, pool: asyncpg.Pool) -> None:
    await log.apply(log.record(events.authenticated(1)))
    assert await pool.fetchval("SELECT count(*) FROM records") == 0


def signed(key: SigningKey, event: CheckpointSigned, **changes: Any) -> CheckpointSigned:
    """The event with changes, and a note over what it then says."""
    changed = event.model_copy(update=changes)
    note = key.sign(Checkpoint(changed.origin, changed.size, bytes.fromhex(changed.root)))
    return changed.model_copy(update={"note": note})


FORGERIES = {
    "a repeated growth": lambda key, good, first: first,
    "a gap": lambda key, good, first: signed(key, good, previous_size=good.previous_size + 1, size=good.size + 1),
    "a size without its entries": lambda key, good, first: signed(key, good, size=good.size + 1),
    "no growth": lambda key, good, first: signed(key, good, size=good.previous_size, entries=(), root=first.root),
    "another root": lambda key, good, first: signed(key, good, root="0" * 64),
    "another entry": lambda key, good, first: signed(
        key, good, entries=(good.entries[0].model_copy(update={"leaf_hash": "0" * 64}), *good.entries[1:])
    ),
    "entries in another order": lambda key, good, first: signed(key, good, entries=good.entries[::-1]),
    "a private topic": lambda key, good, first: signed(
        key, good, entries=tuple(entry.model_copy(update={"topic": "dead-letter"}) for entry in good.entries)
    ),
    "a note of another size": lambda key, good, first: good.model_copy(update={"note": first.note}),
    "a broken note": lambda key, good, first: good.model_copy(update={"note": good.note.replace("\n\n", "\n")}),
    "another origin": lambda key, good, first: signed(key, good, origin="elsewhere.example/log"),
    "another key": lambda key, good, first: signed(
        SigningKey(good.origin, Ed25519PrivateKey.from_private_bytes(bytes(32))), good
    ),
}


@pytest.mark.parametrize("forgery", FORGERIES)
async def test_a_forged_checkpoint_changes_nothing_and_the_log_goes_on(
    log: Any, events: Any, pool: asyncpg.Pool, key: SigningKey, forgery: str
) -> None:
    [first, *_] = await log.checkpoints([log.record(events.ballot(number)) for number in range(3)])
    await log.apply(first)
    records = [log.record(events.ballot(number)) for number in range(3, 7)]
    [good] = await log.checkpoints(records)
    before = await dump(pool)
    forged = FORGERIES[forgery](key, good.envelope.data, first.envelope.data)
    with pytest.raises(PoisonError):
        await log.apply(log.record(forged))
    assert await dump(pool) == before
    await log.apply(good)
    newest = await newest_checkpoint(pool)
    assert newest is not None
    assert newest.note == good.envelope.data.note


async def test_a_record_stands_in_the_log_once(log: Any, events: Any, pool: asyncpg.Pool, key: SigningKey) -> None:
    [first] = await log.checkpoints([log.record(events.ballot(1))])
    await log.apply(first)
    entry = first.envelope.data.entries[0]
    frontier = Frontier(1, [bytes.fromhex(entry.leaf_hash)])
    frontier.append(bytes.fromhex(entry.leaf_hash))
    again = CheckpointSigned(
        origin=key.verifier.name, previous_size=1, size=2, root=frontier.root().hex(), note="", entries=(entry,)
    )
    with pytest.raises(asyncpg.UniqueViolationError):
        await log.apply(log.record(signed(key, again)))
