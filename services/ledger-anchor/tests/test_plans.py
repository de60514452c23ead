"""What comes with each anchor costs the same behind many of them."""

from __future__ import annotations

import asyncio

import pytest
from evote_eventlog.events import AnchorVerified
from evote_ledger_anchor import projection
from evote_ledger_anchor.service import SCHEMA
from evote_platform.database import migrate, open_pool
from pydantic import SecretStr

pytestmark = pytest.mark.stack
FIRST, HELD = 12, 5_000
ROOT = "00" * 32
_READ = """
SELECT sum(pg_stat_get_xact_tuples_returned(c.oid))::bigint FROM pg_class AS c
JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE n.nspname = 'ledger' AND c.relkind IN ('r', 'i')
"""
"""Rows that a transaction took from tables read whole, and entries from indexes."""


def verified(size: int) -> AnchorVerified:
    return AnchorVerified(
        origin="log",
        chain="ethereum",
        ledger="contract",
        size=size,
        root=ROOT,
        transaction="t",
        block=size,
        block_hash="h",
    )


@pytest.mark.parametrize("figures", ["as a rehearsal left them", "none yet"])
async def test_an_anchor_that_is_verified_reads_none_that_were_before(database_url: str, figures: str) -> None:
    url = SecretStr(database_url)
    await asyncio.to_thread(migrate, url, SCHEMA)
    async with await open_pool(url, SCHEMA.name, max_size=1) as pool, pool.acquire() as connection:
        await connection.execute("ALTER TABLE anchors SET (autovacuum_enabled = off)")

        async def take_in(sizes: range) -> None:
            await connection.executemany(
                "INSERT INTO anchors VALUES ('contract', $1, 'ethereum', $2, 't', $1, 'h', 'time', 'a', $3)",
                [(size, bytes.fromhex(ROOT), size < sizes[-1]) for size in sizes],
            )

        async def read(size: int) -> int:
            async with connection.transaction():
                await projection._apply_verified(connection, verified(size))
                return int(await connection.fetchval(_READ))

        await take_in(range(1, FIRST))
        if figures != "none yet":
            await connection.execute("ANALYZE anchors")
        await read(FIRST - 1)
        await take_in(range(FIRST, HELD))
        assert 0 < await read(HELD - 1) < 50
