"""One consistent look at the projection's tables, reduced to what comparing needs: no record's body is kept."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Final, cast

import asyncpg
from evote_tlog.checkpoint import Checkpoint

from ..domain import Label
from ..projection import LedgerProjection
from ..store import Connection, StoredAnchor
from .domain import Entry
from .labels import Labels
from .notes import Notes
from .signed_log import notice_text

_ROWS_AT_ONCE: Final = 500
_RECORDS_AT_ONCE: Final = 100


PartitionName = tuple[str, int]
"""A topic as the rows name it, which may be none that exists, and the partition."""


@dataclass
class ServedLog:
    """What the tables held at one moment."""

    projected_to: dict[PartitionName, int]
    """The offsets before which every record is applied."""
    entries: dict[int, Entry] = field(default_factory=dict)
    records: dict[PartitionName, dict[int, bytes]] = field(default_factory=lambda: defaultdict(dict))
    """Leaf hashes, made of the stored records, by offset."""
    mislabelled: dict[PartitionName, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Offsets of the records whose other columns don't follow from them."""
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Contents by level and index."""
    checkpoints: dict[int, bytes] = field(default_factory=dict)
    """Root by size, of the rows whose note the log's key signed for them."""
    unsigned: list[int] = field(default_factory=list)
    """Sizes of the rows whose note says something else."""
    signed_elsewhere: list[Checkpoint] = field(default_factory=list)
    """What those notes say that the log's key signed none the less."""
    witnessed: dict[str, str] = field(default_factory=dict)
    anchors: list[StoredAnchor] = field(default_factory=list)
    notices: dict[str, str] = field(default_factory=dict)


async def read_tables(pool: asyncpg.Pool, notes: Notes, labels: Labels) -> ServedLog:
    """Read every table of the projection as of one moment.

    Raises:
        OSError, asyncpg.PostgresError, asyncpg.InterfaceError: the database is away.
    """
    async with pool.acquire() as connection, connection.transaction(isolation="repeatable_read", readonly=True):
        offsets = "SELECT topic, partition, next_offset FROM consumer_offsets WHERE projection = $1"
        rows = await connection.fetch(offsets, LedgerProjection.name)
        served = ServedLog({(row["topic"], row["partition"]): row["next_offset"] for row in rows})
        await _read_entries(connection, served)
        await _read_records(connection, served, labels)
        async for row in _rows(connection, "SELECT level, tile_index, hashes FROM tiles", _ROWS_AT_ONCE):
            served.tiles[row["level"], row["tile_index"]] = row["hashes"]
        await _read_heads(connection, served, notes)
        served.anchors = [StoredAnchor(**row) for row in await connection.fetch("SELECT * FROM anchors")]
        await _read_notices(connection, served)
    return served


async def _read_entries(connection: Connection, served: ServedLog) -> None:
    query = "SELECT log_index, topic, partition, record_offset, leaf_hash FROM entries"
    async for row in _rows(connection, query, _ROWS_AT_ONCE):
        served.entries[row[0]] = Entry(intern(row[1]), row[2], row[3], row[4])


async def _read_records(connection: Connection, served: ServedLog, labels: Labels) -> None:
    columns = ", ".join(Label._fields)
    query = f"SELECT topic, partition, record_offset, value, {columns} FROM records"  # noqa: S608 - constants
    async for rows in _chunks(connection, query, _RECORDS_AT_ONCE):
        await asyncio.to_thread(_take_records, rows, served, labels)


def _take_records(rows: Sequence[asyncpg.Record], served: ServedLog, labels: Labels) -> None:
    for row in rows:
        partition = row["topic"], row["partition"]
        label = Label(*(row[column] for column in Label._fields))
        leaf, right = labels.leaf(row["value"], row["partition"], label)
        served.records[partition][row["record_offset"]] = leaf
        if not right:
            served.mislabelled[partition].append(row["record_offset"])


async def _read_heads(connection: Connection, served: ServedLog, notes: Notes) -> None:
    async for row in _rows(connection, "SELECT size, root, note FROM checkpoints", _ROWS_AT_ONCE):
        signed = notes.open(row["note"])
        if signed == Checkpoint(notes.key.name, row["size"], row["root"]):
            served.checkpoints[row["size"]] = row["root"]
            continue
        served.unsigned.append(row["size"])
        if signed is not None:
            served.signed_elsewhere.append(signed)
    async for row in _rows(connection, "SELECT size, note FROM witnessed", _ROWS_AT_ONCE):
        served.witnessed[f"size {row['size']}"] = row["note"]


async def _read_notices(connection: Connection, served: ServedLog) -> None:
    query = "SELECT finding, kind, place, expected, found, intact_at FROM notices"
    for row in await connection.fetch(query):
        served.notices[f"finding {row[0].hex()}"] = notice_text(*row[1:])


async def _rows(connection: Connection, query: str, at_once: int) -> AsyncIterator[asyncpg.Record]:
    async for rows in _chunks(connection, query, at_once):
        for row in rows:
            yield row


async def _chunks(connection: Connection, query: str, at_once: int) -> AsyncIterator[Sequence[asyncpg.Record]]:
    """The rows of a query, a few at a time: in short commands, so that a large table does not time out."""
    cursor = await cast(asyncpg.Connection, connection).cursor(query)
    while rows := await cursor.fetch(at_once):
        yield rows
