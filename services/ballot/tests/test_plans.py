"""A plan that was made while an election was small serves it when it is large."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from datetime import UTC, datetime
from hashlib import sha256

import asyncpg
import pytest
from evote_ballot import projection, store
from evote_ballot.service import SCHEMA
from evote_eventlog.envelope import Envelope
from evote_eventlog.events import BallotAccepted, BallotOrder, OrderSignature, Topic
from evote_eventlog.record import Record, RecordPosition
from evote_platform.database import migrate, open_pool
from pydantic import SecretStr

pytestmark = pytest.mark.stack
ELECTION = "1" * 14
REHEARSED, HELD = 12, 5_000
CIPHERTEXTS = 6
TABLES = ("ballots", "ciphertexts", "log_entries", "credentials", "elections")
_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'ballot' AND c.relkind IN ('r', 'i')
"""
"""Rows that a transaction took from tables read whole, and entries from indexes."""


def digest_of(text: str) -> str:
    return sha256(text.encode()).hexdigest()


def digests_of(voter: int) -> list[str]:
    return [digest_of(f"{voter}.{place}") for place in range(CIPHERTEXTS)]


def cast_of(voter: int, number: int = 1) -> BallotAccepted:
    choices = [{"alpha": f"{voter}", "beta": f"{place}"} for place in range(CIPHERTEXTS)]
    return BallotAccepted(
        election_uuid=ELECTION,
        credential=digest_of(f"credential {voter}"),
        tracker=digest_of(f"tracker {voter} {number}")[:43],
        ballot=json.dumps({"answers": [{"choices": choices}]}),
        order=BallotOrder(number=number, signature=OrderSignature(challenge="1", response="1")),
    )


def record_of(voter: int) -> tuple[Record, BallotAccepted]:
    cast = cast_of(voter)
    envelope = Envelope.wrap(cast, id=f"{voter}", source="ballot", time=datetime(2026, 1, 1, tzinfo=UTC))
    return Record(RecordPosition(Topic.BALLOTS, voter % 3, voter), envelope, b""), cast


async def take_in(connection: asyncpg.Connection, voters: Sequence[int]) -> None:
    """Rows as the projection would write them of one ballot of each voter."""
    casts = [cast_of(voter) for voter in voters]
    await connection.executemany(
        "INSERT INTO ballots VALUES ($1, $2, $3, $4, $5, $6, '2026-01-01T00:00:00Z', 1, '1', '1', '')",
        [
            (voter % 3, voter, ELECTION, cast.credential, cast.tracker, cast.ballot)
            for voter, cast in zip(voters, casts, strict=True)
        ],
    )
    await connection.executemany(
        "INSERT INTO ciphertexts VALUES ($1, $2, $3)",
        [
            (ELECTION, digest, cast.tracker)
            for voter, cast in zip(voters, casts, strict=True)
            for digest in digests_of(voter)
        ],
    )
    await connection.executemany(
        "INSERT INTO log_entries VALUES ($1, $2, $1, $1::bigint + 1)", [(voter, voter % 3) for voter in voters]
    )


@pytest.fixture
async def connection(database_url: str) -> AsyncIterator[asyncpg.Connection]:
    """One of a replica's pool, to tables of a rehearsal of which PostgreSQL has made no figures."""
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, SCHEMA)
    async with await open_pool(url, "ballot", max_size=1) as pool, pool.acquire() as one:
        for table in TABLES:
            await one.execute(f"ALTER TABLE {table} SET (autovacuum_enabled = off)")
        await one.execute("INSERT INTO elections VALUES ($1, '{}', 'hash', '2026', '2027')", ELECTION)
        await one.execute(
            "INSERT INTO credentials SELECT $1, 'hash', c FROM unnest($2::text[]) AS c",
            ELECTION,
            [cast_of(voter).credential for voter in range(HELD + REHEARSED + 100)],
        )
        await take_in(one, range(REHEARSED))
        yield one


Asked = Callable[[asyncpg.Connection, int], Awaitable[object]]
ASKED: dict[str, Asked] = {
    "a cast": lambda connection, voter: store.look_and_reserve(
        connection, cast_of(voter, 2), digests_of(HELD + REHEARSED + voter)
    ),
    "a look": lambda connection, voter: store.look_at(connection, ELECTION, cast_of(voter).credential),
    "a copied ciphertext": lambda connection, voter: store.check_ciphertexts(
        connection, ELECTION, cast_of(voter).tracker, digests_of(voter)
    ),
    "a status": lambda connection, voter: store.find_standing(connection, ELECTION, cast_of(voter).tracker),
    "one's own ballots": lambda connection, voter: store.own_ballots(connection, ELECTION, cast_of(voter).credential),
    "what waits for the log": lambda connection, voter: store.logged_of(connection, [(voter % 3, voter)]),
    "what came since it was looked at": lambda connection, voter: store.ballots_between(
        connection, {voter % 3: voter}, {voter % 3: voter + 1}, unlogged_only=False
    ),
    "what a round's casts are judged by": lambda connection, voter: projection._standing_before(
        connection, [record_of(voter), record_of(voter + 1)]
    ),
}


@pytest.mark.parametrize("figures", ["as a rehearsal left them", "none yet"])
@pytest.mark.parametrize("asked", ASKED)
async def test_a_statement_planned_after_a_rehearsal_reads_no_table_whole(
    connection: asyncpg.Connection, asked: str, figures: str
) -> None:
    if figures != "none yet":
        for table in TABLES:
            await connection.execute(f"ANALYZE {table}")

    async def read(voter: int) -> int:
        async with connection.transaction():
            await ASKED[asked](connection, voter)
            return int(await connection.fetchval(_READ))

    assert await read(0)
    await take_in(connection, range(REHEARSED, HELD))
    assert 0 < await read(1) < 200, "it reads as many as it needs, however many there are"


async def test_figures_of_what_each_ballot_adds_to_are_made_when_it_has_doubled(connection: asyncpg.Connection) -> None:
    rows = await connection.fetch(
        "SELECT relname FROM pg_class WHERE relnamespace = 'ballot'::regnamespace"
        " AND 'autovacuum_analyze_scale_factor=1' = ANY(reloptions) ORDER BY relname"
    )
    assert [row["relname"] for row in rows] == ["ballots", "ciphertexts", "reservations"]
