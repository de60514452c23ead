"""Reading the projection's tables."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final, TypeAlias, cast

import asyncpg
from asyncpg.pool import PoolConnectionProxy
from evote_eventlog.events import Topic
from evote_eventlog.record import LogPartition
from evote_platform.reads import Reads
from evote_tlog.errors import MissingTile, QuorumMissed, SignatureError
from evote_tlog.merkle import HASH_BYTES, complete_subtrees
from evote_tlog.policy import Policy, verify_policy
from evote_tlog.proof import Range, range_hash
from evote_tlog.tiles import Tile, TileTree, tile_source, tiles_for

from .domain import Sequenced

Connection: TypeAlias = "asyncpg.Connection | asyncpg.Pool | PoolConnectionProxy[asyncpg.Record] | Reads"
"""Any of them runs a query."""

# OFFSET 0 keeps the lookup a lookup: after a replay the planner's statistics are stale, and it would start parallel
# workers for the 256 records of a tile.
_OF_ENTRY: Final = (
    "FROM records WHERE topic = entries.topic AND partition = entries.partition"
    " AND record_offset = entries.record_offset OFFSET 0"
)
_RECORD_OF_ENTRY: Final = f"SELECT value {_OF_ENTRY}"
_LABEL_OF_ENTRY: Final = f"SELECT octet_length(value) AS size, ballot_election {_OF_ENTRY}"

_ROWS_AT_ONCE: Final = 1000

_IN_THE_LOG: Final = "FROM entries JOIN records USING (topic, partition, record_offset)"


@dataclass(frozen=True)
class StoredCheckpoint:
    """A signed checkpoint whose tiles are stored."""

    size: int
    note: str


@dataclass(frozen=True)
class StoredAnchor:
    """A row of ``anchors``; the fields are those of the event, whose ``ledger`` is the anchor contract."""

    ledger: str
    size: int
    chain: str
    root: bytes
    transaction: str
    block: int
    block_hash: str
    block_time: str
    anchorer: str
    verified: bool


@dataclass(frozen=True)
class ContractCoverage:
    """The largest sizes of the log in an anchor contract: in a block, and in a final one."""

    anchored: int
    verified: int


@dataclass(frozen=True)
class StoredNotice:
    """A row of ``notices``; ``raised_at`` is RFC 3339 UTC, the rest as in the event."""

    finding: bytes
    kind: str
    place: str
    expected: str
    found: str
    intact_at: str | None
    raised_at: str


async def newest_size(connection: Connection) -> int:
    """How many entries the log has."""
    return int(await connection.fetchval("SELECT coalesce(max(size), 0) FROM checkpoints"))


async def newest_checkpoint(connection: Connection) -> StoredCheckpoint | None:
    """The checkpoint of the largest size, or None while the log is empty."""
    row = await connection.fetchrow("SELECT size, note FROM checkpoints ORDER BY size DESC LIMIT 1")
    return None if row is None else StoredCheckpoint(row["size"], row["note"])


async def checkpoint_note(connection: Connection, size: int) -> str | None:
    """The signed note of exactly this size, if one was signed."""
    note: str | None = await connection.fetchval("SELECT note FROM checkpoints WHERE size = $1", size)
    return note


async def newest_witnessed(connection: Connection) -> StoredCheckpoint | None:
    """The largest checkpoint that enough witnesses cosigned; its note bears their cosignatures."""
    row = await connection.fetchrow("SELECT size, note FROM witnessed ORDER BY size DESC LIMIT 1")
    return None if row is None else StoredCheckpoint(row["size"], row["note"])


async def newest_counted(connection: Connection, policy: Policy | None) -> StoredCheckpoint | None:
    """The newest checkpoint that counts: with a policy one that holds for it, without one the newest signed.

    A policy that has changed, or a false event, leaves nothing that counts until the witnesses have cosigned anew.
    """
    if policy is None:
        return await newest_checkpoint(connection)
    newest = await newest_witnessed(connection)
    if newest is None:
        return None
    return newest if _holds(newest.note, policy) else None


@lru_cache(maxsize=8)  # asked several times a second, while the newest stays the same until somebody votes
def _holds(note: str, policy: Policy) -> bool:
    try:
        verify_policy(note, policy)
    except (QuorumMissed, SignatureError):
        return False
    return True


async def checkpoint_root(connection: Connection, size: int) -> bytes | None:
    """The root of the checkpoint of exactly this size, if one was signed."""
    root: bytes | None = await connection.fetchval("SELECT root FROM checkpoints WHERE size = $1", size)
    return root


async def anchors_covering(connection: Connection, size: int) -> list[StoredAnchor]:
    """In each anchor contract the smallest anchor of at least ``size``."""
    rows = await connection.fetch(
        "SELECT found.* FROM unnest($1::text[]) AS contracts (name) CROSS JOIN LATERAL"
        " (SELECT * FROM anchors WHERE ledger = contracts.name AND size >= $2 ORDER BY size LIMIT 1) found",
        await _contracts(connection),
        size,
    )
    return [StoredAnchor(**row) for row in rows]


async def open_anchors(connection: Connection, contract: str) -> list[StoredAnchor]:
    """The largest verified anchor in an anchor contract, and those that are not verified yet."""
    rows = await connection.fetch(
        "SELECT * FROM anchors WHERE ledger = $1 AND (NOT verified OR size ="
        " (SELECT max(size) FROM anchors WHERE ledger = $1 AND verified))",
        contract,
    )
    return [StoredAnchor(**row) for row in rows]


async def newest_anchors(connection: Connection) -> list[StoredAnchor]:
    """The largest anchor in each anchor contract."""
    rows = await connection.fetch(
        "SELECT found.* FROM unnest($1::text[]) AS contracts (name) CROSS JOIN LATERAL"
        " (SELECT * FROM anchors WHERE ledger = contracts.name ORDER BY size DESC LIMIT 1) found",
        await _contracts(connection),
    )
    return [StoredAnchor(**row) for row in rows]


async def _contracts(connection: Connection) -> list[str]:
    """The contracts that hold anchors, by one lookup in the index for each: a busy chain has an anchor every second."""
    rows = await connection.fetch(
        "WITH RECURSIVE contracts AS ("
        " (SELECT ledger FROM anchors ORDER BY ledger LIMIT 1) UNION ALL"
        " SELECT (SELECT ledger FROM anchors a WHERE a.ledger > c.ledger ORDER BY ledger LIMIT 1)"
        " FROM contracts c WHERE c.ledger IS NOT NULL)"
        " SELECT ledger FROM contracts WHERE ledger IS NOT NULL"
    )
    return [row["ledger"] for row in rows]


async def coverage_of(connection: Connection, contract: str) -> ContractCoverage:
    """How far an anchor contract is; 0: nothing yet."""
    row = await connection.fetchrow(
        "SELECT coalesce((SELECT max(size) FROM anchors WHERE ledger = $1), 0) AS anchored,"
        " coalesce((SELECT max(size) FROM anchors WHERE ledger = $1 AND verified), 0) AS verified",
        contract,
    )
    assert row is not None  # noqa: S101 - a select without a table gives one row
    return ContractCoverage(**row)


async def notices(connection: Connection) -> list[StoredNotice]:
    """Every notice of tampering, the newest first."""
    rows = await connection.fetch(
        "SELECT finding, kind, place, expected, found, intact_at, raised_at FROM notices ORDER BY record_offset DESC"
    )
    return [StoredNotice(**row) for row in rows]


async def index_of_leaf(connection: Connection, leaf_hash: bytes) -> int | None:
    """The first index at which this leaf stands."""
    # The subquery keeps the planner from walking the whole log in its order, which min() alone invites it to do.
    index: int | None = await connection.fetchval(
        "WITH found AS MATERIALIZED (SELECT log_index FROM entries WHERE leaf_hash = $1)"
        " SELECT min(log_index) FROM found",
        leaf_hash,
    )
    return index


async def leaf_at(connection: Connection, index: int) -> bytes | None:
    """The leaf hash at an index."""
    leaf: bytes | None = await connection.fetchval("SELECT leaf_hash FROM entries WHERE log_index = $1", index)
    return leaf


async def read_tiles(connection: Connection, tiles: Iterable[Tile]) -> dict[Tile, bytes]:
    """The contents of tiles, cut to the width that is asked for: hashes never change once they stand.

    Raises:
        MissingTile: the log is not large enough for one of them.
    """
    wanted = list(tiles)
    rows = await connection.fetch(
        "SELECT level, tile_index, substring(hashes FROM 1 FOR width * $4) AS hashes FROM tiles"
        " JOIN unnest($1::integer[], $2::bigint[], $3::integer[]) AS wanted (level, tile_index, width)"
        " USING (level, tile_index)",
        [tile.level for tile in wanted],
        [tile.index for tile in wanted],
        [tile.width for tile in wanted],
        HASH_BYTES,
    )
    found = {(row["level"], row["tile_index"]): row["hashes"] for row in rows}
    contents = {}
    for tile in wanted:
        content = found.get((tile.level, tile.index), b"")
        if len(content) != tile.width * HASH_BYTES:
            raise MissingTile(tile.path)
        contents[tile] = content
    return contents


async def range_hashes(connection: Connection, ranges: Sequence[Range], size: int) -> list[bytes]:
    """The heads over ranges of leaves in the tree of ``size``, from the tiles that they need, read at once.

    Raises:
        MissingTile: the log is not that large.
    """
    subtrees = [
        (height, (start >> height) + index) for start, end in ranges for height, index in complete_subtrees(end - start)
    ]
    tree = TileTree(size, tile_source(await read_tiles(connection, tiles_for(subtrees, size))))
    return [range_hash(tree, leaves) for leaves in ranges]


@dataclass(frozen=True)
class RecordLabel:
    """What is asked of a record before it is served."""

    size: int
    ballot_election: str | None
    """Whose ballot it is; None: it is none."""


async def record_labels(connection: Connection, start: int, end: int) -> list[RecordLabel | None]:
    """The records from index ``start`` to ``end``; None where one is not projected yet.

    Fewer than asked for when the log ends before ``end``.
    """
    rows = await connection.fetch(
        f"SELECT size, ballot_election FROM entries LEFT JOIN LATERAL ({_LABEL_OF_ENTRY}) AS record ON true"  # noqa: S608 - a constant
        " WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index",
        start,
        end,
    )
    return [None if row["size"] is None else RecordLabel(row["size"], row["ballot_election"]) for row in rows]


async def closed_elections(connection: Connection, elections: Iterable[str]) -> frozenset[str]:
    """Those of them that are closed: a close marker of theirs is recorded, which is never taken back."""
    rows = await connection.fetch(
        "SELECT DISTINCT closes_election FROM records WHERE closes_election = ANY($1)", list(elections)
    )
    return frozenset(row["closes_election"] for row in rows)


async def read_records(connection: Connection, start: int, end: int, withheld: Collection[int]) -> list[bytes]:
    """The records themselves, in log order; those at the indices ``withheld`` are left in the database, and empty."""
    rows = await connection.fetch(
        f"SELECT coalesce(value, '') AS value FROM entries LEFT JOIN LATERAL ({_RECORD_OF_ENTRY}) AS record"  # noqa: S608 - a constant
        " ON log_index <> ALL($3) WHERE log_index >= $1 AND log_index < $2 ORDER BY log_index",
        start,
        end,
        list(withheld),
    )
    return [row["value"] for row in rows]


async def next_offsets(connection: Connection) -> dict[LogPartition, int]:
    """For each source partition, the offset after the last record that is in the log."""
    # From one partition to the next in the index of places: a GROUP BY would read every entry.
    rows = await connection.fetch(
        "WITH RECURSIVE last AS ("
        " (SELECT topic, partition, record_offset FROM entries"
        "  ORDER BY topic DESC, partition DESC, record_offset DESC LIMIT 1)"
        " UNION ALL"
        " SELECT earlier.* FROM last, LATERAL (SELECT topic, partition, record_offset FROM entries"
        "  WHERE (topic, partition) < (last.topic, last.partition)"
        "  ORDER BY topic DESC, partition DESC, record_offset DESC LIMIT 1) AS earlier"
        ") SELECT topic, partition, record_offset + 1 AS next FROM last"
    )
    return {LogPartition(Topic(row["topic"]), row["partition"]): row["next"] for row in rows}


async def sequenced(connection: Connection) -> Sequenced:
    """What the sequencing rules need to remember of the log. Every record in it must be projected.

    Needs an open transaction, for its cursor.
    """
    markers = await connection.fetch(
        f"SELECT DISTINCT closes_election, partition {_IN_THE_LOG} WHERE closes_election IS NOT NULL"
    )
    rules = Sequenced(closed={(row["closes_election"], row["partition"]) for row in markers})
    # A few at a time: all at once would take several times the memory of what is kept, and the process would not get
    # rid of that.
    cursor = await cast(asyncpg.Connection, connection).cursor(
        "SELECT ballot_election, ballot_digest, ballot_credential, ballot_number"
        f" {_IN_THE_LOG} WHERE ballot_digest IS NOT NULL"
    )
    while rows := await cursor.fetch(_ROWS_AT_ONCE):
        for election, digest, credential, number in rows:
            admitted = rules.ballots[election]
            admitted.digests.add(digest)
            # In whatever order they come: the largest is the last.
            admitted.last_numbers.put(credential, max(number, admitted.last_numbers.get(credential) or 0))
    return rules
