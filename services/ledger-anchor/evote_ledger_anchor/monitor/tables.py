"""One consistent look at the projection's tables, reduced to what comparing needs: no record's body is kept."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Final, NamedTuple, cast

import asyncpg
from evote_tlog.checkpoint import Checkpoint

from ..domain import Label
from ..projection import LedgerProjection
from ..store import Connection
from .columns import ByNumber, Entries, Hashes
from .domain import Entry
from .labels import BLOCK_RECORDS, Block, LabelledRecord, Labels
from .notes import Notes
from .signed_log import AnchorPlace, VerifiedAnchor, note_hash, notice_text

_ROWS_AT_ONCE: Final = 500


PartitionName = tuple[str, int]
"""A topic as the rows name it, which may be none that exists, and the partition."""


class StandingAnchor(NamedTuple):
    """A row of ``anchors``."""

    anchor: VerifiedAnchor
    announcement: tuple[str, str] | None
    """Transaction and block hash; None: it is verified."""


def _hashes() -> ByNumber[bytes]:
    return ByNumber(Hashes())


@dataclass
class ServedLog:
    """What the tables held at one moment."""

    projected_to: dict[PartitionName, int]
    """The offsets before which every record is applied."""
    entries: ByNumber[Entry] = field(default_factory=lambda: ByNumber(Entries()))
    records: dict[PartitionName, ByNumber[bytes]] = field(default_factory=lambda: defaultdict(_hashes))
    """Leaf hashes, made of the stored records, by offset."""
    mislabelled: dict[PartitionName, list[int]] = field(default_factory=lambda: defaultdict(list))
    """Offsets of the records whose other columns don't follow from them."""
    tiles: dict[tuple[int, int], bytes] = field(default_factory=dict)
    """Contents by level and index."""
    checkpoints: ByNumber[bytes] = field(default_factory=_hashes)
    """Root by size, of the rows whose note the log's key signed for them."""
    unsigned: list[int] = field(default_factory=list)
    """Sizes of the rows whose note says something else."""
    signed_elsewhere: list[Checkpoint] = field(default_factory=list)
    """What those notes say that the log's key signed none the less."""
    witnessed: ByNumber[bytes] = field(default_factory=_hashes)
    """SHA-256 of the note by size."""
    anchors: dict[AnchorPlace, StandingAnchor] = field(default_factory=dict)
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
        async for row in _rows(connection, "SELECT level, tile_index, hashes FROM tiles"):
            served.tiles[row["level"], row["tile_index"]] = row["hashes"]
        await _read_heads(connection, served, notes)
        await _read_anchors(connection, served)
        await _read_notices(connection, served)
    return served


async def _read_entries(connection: Connection, served: ServedLog) -> None:
    query = "SELECT log_index, topic, partition, record_offset, leaf_hash FROM entries ORDER BY log_index"
    async for row in _rows(connection, query):
        served.entries.put(row[0], Entry(*row[1:]))


async def _read_records(connection: Connection, served: ServedLog, labels: Labels) -> None:
    columns = ", ".join(Label._fields)
    query = (
        f"SELECT topic, partition, record_offset, value, {columns} FROM records"  # noqa: S608 - constants
        " ORDER BY topic, partition, record_offset"
    )
    block: list[asyncpg.Record] = []
    async for row in _rows(connection, query, BLOCK_RECORDS):
        if block and _block_of(row) != _block_of(block[0]):
            await asyncio.to_thread(_take_block, block, served, labels)
            block.clear()
        block.append(row)
    if block:
        await asyncio.to_thread(_take_block, block, served, labels)


def _block_of(row: asyncpg.Record) -> Block:
    return row["topic"], row["partition"], row["record_offset"] // BLOCK_RECORDS


def _take_block(rows: Sequence[asyncpg.Record], served: ServedLog, labels: Labels) -> None:
    block = _block_of(rows[0])
    records = [
        LabelledRecord(row["record_offset"], row["value"], Label(*(row[column] for column in Label._fields)))
        for row in rows
    ]
    wrong = labels.wrong(block, records)
    partition = block[:2]
    for record in records:
        served.records[partition].put(record.offset, record.leaf)
    if wrong:
        served.mislabelled[partition] += wrong


async def _read_heads(connection: Connection, served: ServedLog, notes: Notes) -> None:
    async for row in _rows(connection, "SELECT size, root, note FROM checkpoints ORDER BY size"):
        signed = notes.open(row["note"])
        if signed == Checkpoint(notes.key.name, row["size"], row["root"]):
            served.checkpoints.put(row["size"], row["root"])
            continue
        served.unsigned.append(row["size"])
        if signed is not None:
            served.signed_elsewhere.append(signed)
    async for row in _rows(connection, "SELECT size, note FROM witnessed ORDER BY size"):
        served.witnessed.put(row["size"], note_hash(row["note"]))


async def _read_anchors(connection: Connection, served: ServedLog) -> None:
    query = "SELECT ledger, size, root, block, block_hash, transaction, verified FROM anchors"
    async for ledger, size, root, block, block_hash, transaction, verified in _rows(connection, query):
        anchor = VerifiedAnchor(intern(ledger), size, root.hex(), block, block_hash)
        served.anchors[anchor[:2]] = StandingAnchor(anchor, None if verified else (transaction, block_hash))


async def _read_notices(connection: Connection, served: ServedLog) -> None:
    query = "SELECT finding, kind, place, expected, found, intact_at FROM notices"
    for row in await connection.fetch(query):
        served.notices[f"finding {row[0].hex()}"] = notice_text(*row[1:])


async def _rows(connection: Connection, query: str, at_once: int = _ROWS_AT_ONCE) -> AsyncIterator[asyncpg.Record]:
    """The rows of a query, fetched a few at a time: in short commands, so that a large table does not time out."""
    cursor = await cast(asyncpg.Connection, connection).cursor(query)
    while rows := await cursor.fetch(at_once):
        for row in rows:
            yield row
