"""Tampering with PostgreSQL under a running system: in Kafka, in the metric, and on the public page."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from evote_local.testbed import patiently

from .fake_chain import CHAIN
from .running_monitor import BALLOTS, System, check_notice, notice

pytestmark = [pytest.mark.stack, pytest.mark.slow]


SWAP_ENTRIES = """
UPDATE entries SET log_index = -1 WHERE log_index = 3; UPDATE entries SET log_index = 3 WHERE log_index = 7;
UPDATE entries SET log_index = 7 WHERE log_index = -1"""
SWAP_RECORDS = """
UPDATE records SET value = other.value FROM records other
WHERE (records.topic, records.partition) = (other.topic, other.partition) AND records.topic = 'elections'
AND records.record_offset + other.record_offset = 1"""
AT_3 = "(topic, partition, record_offset) = (SELECT topic, partition, record_offset FROM entries WHERE log_index = 3)"
AT_BALLOT = "(topic, partition, record_offset) IN (SELECT 'ballots', partition, record_offset FROM entries LIMIT 4)"
TABLES = "PostgreSQL ledger."


@pytest.mark.parametrize(
    ("tampering", "kind", "where"),
    [
        (
            f"UPDATE records SET value = value || '\\x00' WHERE {AT_3}",
            "entry-changed",
            "records {record} (log index 3)",
        ),
        (
            f"UPDATE records SET ballot_digest = NULL, ballot_election = NULL WHERE {AT_BALLOT}",
            "entry-changed",
            "records ballots/",
        ),
        (f"DELETE FROM records WHERE {AT_3}", "entry-dropped", "records {record} (log index 3)"),
        (SWAP_RECORDS, "entries-reordered", "records elections/0 offset 0 (log index "),
        ("UPDATE entries SET leaf_hash = sha256('') WHERE log_index = 3", "entry-changed", "entries, log index 3"),
        ("DELETE FROM entries WHERE log_index = 3", "entry-dropped", "entries, log index 3"),
        (SWAP_ENTRIES, "entries-reordered", "entries, log index 3"),
        ("UPDATE tiles SET hashes = set_byte(hashes, 97, 1 - get_byte(hashes, 97) % 2)", "entry-changed", "tiles, "),
        ("DELETE FROM tiles", "entry-dropped", "tiles, tile/0/000 hash 0"),
        ("UPDATE checkpoints SET root = sha256('')", "entry-changed", "checkpoints, size "),
        ("UPDATE checkpoints SET note = note || note", "entry-changed", "checkpoints, size "),
        ("DELETE FROM checkpoints WHERE size = (SELECT min(size) FROM checkpoints)", "entry-dropped", "checkpoints, "),
        ("DELETE FROM anchors", "entry-dropped", f"anchors, {CHAIN} size "),
        ("UPDATE anchors SET block_hash = '0x00'", "entry-changed", f"anchors, {CHAIN} size "),
    ],
)
async def test_tampering_with_a_table_is_found(
    system: System, events: Any, client: httpx.AsyncClient, tampering: str, kind: str, where: str
) -> None:
    async with system.running():
        await system.publish(events.closed())
        await system.publish(events.closed(election=events.other_election))
        await system.cast(events, range(BALLOTS))
        await system.anchor_newest()
        await patiently(lambda: _anchored(system))
        await system.completed_passes(1)
        topic, partition, offset, _ = await system.entry(3)
        await system.pool.execute(tampering)
        finding = await system.finding(kind)
        await check_notice(client, finding)
        await system.completed_passes(2)
    assert finding.where.startswith(TABLES + where.format(record=f"{topic}/{partition} offset {offset}"))
    assert finding.intact_at is not None
    ids = [finding.finding for finding in await system.findings()]
    assert len(ids) == len(set(ids))


async def _anchored(system: System) -> bool:
    return bool(await system.pool.fetchval("SELECT bool_and(verified) FROM anchors"))


async def test_a_notice_that_is_deleted_is_found(system: System, events: Any, client: httpx.AsyncClient) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        first = await system.finding("entry-dropped")
        await notice(client, first)
        await system.pool.execute("DELETE FROM notices")
        await patiently(lambda: _count(system, 2))
        second = (await system.findings())[1]
        await check_notice(client, second)
    assert second.where == f"PostgreSQL ledger.notices, finding {first.finding}"


async def _count(system: System, count: int) -> bool:
    return len(await system.findings()) >= count
