"""From events to tables: public records, the log's entries, tiles and checkpoints, their anchors, and notices."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import (
    AnchorVerified,
    CheckpointAnchored,
    CheckpointSigned,
    CheckpointWitnessed,
    TamperingDetected,
    Topic,
)
from evote_eventlog.record import Record
from evote_platform.clock import rfc3339
from evote_tlog.checkpoint import Checkpoint, VerifierKey, open_checkpoint
from evote_tlog.errors import TlogError
from evote_tlog.tiles import Tile

from .domain import MAX_ENTRIES, SOURCE_TOPICS, Skip, grow, labels_of, partial_tiles, root_of
from .store import newest_size, read_tiles


class LedgerProjection:
    """Applies source records and checkpoints in any interleaving of their partitions.

    A checkpoint is applied only when it is what this log's key signed, continues the log and has the
    root of the entries that it lists: a forged or damaged one goes to the dead letters, and the log
    goes on without it.
    """

    name = "ledger"
    topics = frozenset({*SOURCE_TOPICS, Topic.LEDGER})
    tables = ("records", "entries", "tiles", "checkpoints", "witnessed", "anchors", "notices")

    def __init__(self, key: VerifierKey) -> None:
        """``key`` is the log's own."""
        self._key = key

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Change the tables for one event."""
        match record.envelope.data:
            case CheckpointSigned() as signed:
                await self._apply_checkpoint(connection, signed)
            case CheckpointWitnessed() as witnessed:
                await self._apply_witnessed(connection, witnessed)
            case CheckpointAnchored() as anchored:
                await _apply_anchored(connection, anchored)
            case AnchorVerified() as verified:
                await _apply_verified(connection, verified)
            case TamperingDetected() as tampering:
                await _apply_notice(connection, record, tampering)
            case data if data.topic in SOURCE_TOPICS:
                await _insert_records(connection, [record])

    async def apply_all(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        """Change the tables for events; source records go in by one COPY."""
        await _insert_records(connection, [record for record in records if record.position.topic in SOURCE_TOPICS])
        for record in records:
            if record.position.topic not in SOURCE_TOPICS:
                await self.apply(connection, record)

    async def _apply_checkpoint(self, connection: asyncpg.Connection, event: CheckpointSigned) -> None:
        previous = await newest_size(connection)
        checkpoint = self._check(event, previous)
        leaves = [bytes.fromhex(entry.leaf_hash) for entry in event.entries]
        partial = await read_tiles(connection, partial_tiles(previous))
        changed = grow(previous, partial, leaves)
        if root_of(event.size, _partial_after(event.size, partial, changed)) != checkpoint.root:
            raise PoisonError("the root is not that of the entries")
        # This waits for the disk: a log that is seen shorter after a crash than before looks rolled back to an auditor.
        await connection.execute("SET LOCAL synchronous_commit TO DEFAULT")
        await connection.execute(
            "WITH logged AS (INSERT INTO entries SELECT * FROM"
            "  unnest($1::bigint[], $2::text[], $3::integer[], $4::bigint[], $5::bytea[])),"
            " grown AS (INSERT INTO tiles SELECT * FROM unnest($6::integer[], $7::bigint[], $8::bytea[])"
            "  ON CONFLICT (level, tile_index) DO UPDATE SET hashes = excluded.hashes)"
            "INSERT INTO checkpoints VALUES ($9, $10, $11)",
            list(range(previous, event.size)),
            [entry.topic for entry in event.entries],
            [entry.partition for entry in event.entries],
            [entry.offset for entry in event.entries],
            leaves,
            [level for level, _ in changed],
            [index for _, index in changed],
            list(changed.values()),
            checkpoint.size,
            checkpoint.root,
            event.note,
        )

    async def _apply_witnessed(self, connection: asyncpg.Connection, event: CheckpointWitnessed) -> None:
        """Whether the cosignatures hold, and suffice, is for readers to judge: each has a policy of its own."""
        checkpoint = self._open(event.note)
        if (checkpoint.origin, checkpoint.size) != (event.origin, event.size):
            raise PoisonError("the note states another checkpoint than the event")
        await _demand_checkpoint(connection, checkpoint.size, checkpoint.root)
        await connection.execute(
            "INSERT INTO witnessed VALUES ($1, $2) ON CONFLICT (size) DO UPDATE SET note = excluded.note",
            event.size,
            event.note,
        )

    def _check(self, event: CheckpointSigned, previous: int) -> Checkpoint:
        if event.previous_size != previous:
            raise PoisonError("the checkpoint does not continue the log")
        if not 0 < len(event.entries) <= MAX_ENTRIES or event.size != previous + len(event.entries):
            raise PoisonError("the sizes are not those of the entries")
        if any(entry.topic not in SOURCE_TOPICS for entry in event.entries):
            raise PoisonError("an entry of a topic that is not public")
        checkpoint = self._open(event.note)
        if checkpoint != Checkpoint(event.origin, event.size, bytes.fromhex(event.root)):
            raise PoisonError("the note states another checkpoint than the event")
        return checkpoint

    def _open(self, note: str) -> Checkpoint:
        try:
            return open_checkpoint(note, self._key)
        except TlogError as error:
            raise PoisonError(f"the note is not this log's: {type(error).__name__}") from error


async def _demand_checkpoint(connection: asyncpg.Connection, size: int, root: bytes) -> None:
    """All these events stand in one partition, so that the checkpoint that one speaks of came before it."""
    known = await connection.fetchval("SELECT root FROM checkpoints WHERE size = $1", size)
    if known != root:
        raise PoisonError("not a checkpoint of this log")


async def _apply_anchored(connection: asyncpg.Connection, event: CheckpointAnchored) -> None:
    root = bytes.fromhex(event.root)
    await _demand_checkpoint(connection, event.size, root)
    await connection.execute(
        "INSERT INTO anchors VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, false)"
        " ON CONFLICT (ledger, size) DO UPDATE SET transaction = excluded.transaction, block = excluded.block,"
        " block_hash = excluded.block_hash, block_time = excluded.block_time, anchorer = excluded.anchorer"
        " WHERE NOT anchors.verified",
        event.ledger,
        event.size,
        event.chain,
        root,
        event.transaction,
        event.block,
        event.block_hash,
        event.block_time,
        event.anchorer,
    )


async def _apply_verified(connection: asyncpg.Connection, event: AnchorVerified) -> None:
    done = await connection.execute(
        "UPDATE anchors SET verified = true WHERE ledger = $1 AND size = $2 AND root = $3 AND block_hash = $4",
        event.ledger,
        event.size,
        bytes.fromhex(event.root),
        event.block_hash,
    )
    if done == "UPDATE 0":
        raise PoisonError("verifies an anchor that was not announced")
    # Anchors are verified in the chain's order: what was announced in an earlier block has been reorganised away.
    await connection.execute(
        "DELETE FROM anchors WHERE ledger = $1 AND NOT verified AND block < $2", event.ledger, event.block
    )


async def _apply_notice(connection: asyncpg.Connection, record: Record, event: TamperingDetected) -> None:
    await connection.execute(
        "INSERT INTO notices VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (finding) DO NOTHING",
        record.position.offset,
        bytes.fromhex(event.finding),
        event.kind,
        event.where,
        event.expected,
        event.found,
        event.intact_at,
        rfc3339(record.envelope.time),
    )


async def _insert_records(connection: asyncpg.Connection, records: Sequence[Record]) -> None:
    labels = labels_of([(record.envelope.data, record.position.partition) for record in records])
    # No row for a record that is not public or can never be in the log.
    rows = [
        (record.position.topic.value, record.position.partition, record.position.offset, record.value, *label)
        for record, label in zip(records, labels, strict=True)
        if not isinstance(label, Skip)
    ]
    if rows:
        await connection.copy_records_to_table("records", records=rows)


def _partial_after(size: int, partial: dict[Tile, bytes], changed: dict[tuple[int, int], bytes]) -> dict[Tile, bytes]:
    """The contents of the partial tiles of the grown tree."""
    before = {(tile.level, tile.index): content for tile, content in partial.items()}
    return {
        tile: changed.get((tile.level, tile.index)) or before[tile.level, tile.index] for tile in partial_tiles(size)
    }
