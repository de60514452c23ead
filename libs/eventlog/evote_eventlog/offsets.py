"""How far a projection has come, kept beside its tables so that both change in one transaction."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Final

import asyncpg

from .events import Topic
from .record import LogPartition

OFFSETS_TABLE_SQL: Final = """\
CREATE TABLE IF NOT EXISTS consumer_offsets (
    projection text NOT NULL,
    topic text NOT NULL,
    partition integer NOT NULL,
    next_offset bigint NOT NULL,
    PRIMARY KEY (projection, topic, partition)
)
"""
"""For the first migration of every service that has a projection."""


async def stored_offsets(connection: asyncpg.Connection, projection: str) -> dict[LogPartition, int]:
    """The next offset to apply of every partition that was ever applied."""
    rows = await connection.fetch(
        "SELECT topic, partition, next_offset FROM consumer_offsets WHERE projection = $1", projection
    )
    return {LogPartition(Topic(row["topic"]), row["partition"]): row["next_offset"] for row in rows}


async def lock_offsets(
    connection: asyncpg.Connection, projection: str, partitions: Collection[LogPartition]
) -> dict[LogPartition, int]:
    """The next offset to apply of each; no other replica can apply these partitions before the transaction ends.

    That transaction waits for no disk when it commits, unless a projection wishes it to. A crash of the server may lose
    the last of them, whole and in their order: then the offsets are those of before, too, and the log has what is to be
    applied again.
    """
    topics = [partition.topic.value for partition in partitions]
    numbers = [partition.partition for partition in partitions]
    while True:
        rows = await connection.fetch(
            # In one order everywhere, or two replicas could wait for each other.
            "SELECT topic, partition, next_offset, set_config('synchronous_commit', 'off', true) FROM consumer_offsets"
            " WHERE projection = $1 AND (topic, partition) IN (SELECT * FROM unnest($2::text[], $3::integer[]))"
            " ORDER BY topic, partition FOR UPDATE",
            projection,
            topics,
            numbers,
        )
        if len(rows) == len(partitions):
            return {LogPartition(Topic(row["topic"]), row["partition"]): row["next_offset"] for row in rows}
        await connection.execute(  # the first records of a partition ever
            "INSERT INTO consumer_offsets SELECT $1, topic, partition, 0"
            " FROM unnest($2::text[], $3::integer[]) AS new (topic, partition) ORDER BY 2, 3 ON CONFLICT DO NOTHING",
            projection,
            topics,
            numbers,
        )


async def move_offsets(
    connection: asyncpg.Connection, projection: str, moves: Mapping[LogPartition, tuple[int, int]]
) -> bool:
    """Lock each partition's offset as :func:`lock_offsets` does, and move it; whether each stood where it was thought.

    Where one did not, the transaction is to be rolled back: others may have moved.

    Args:
        moves: from the first offset to apply to the one after the last.
    """
    moved = await connection.fetch(
        "WITH held AS ("
        " SELECT topic, partition, o.next_offset, new.first, new.behind FROM consumer_offsets AS o"
        " JOIN unnest($2::text[], $3::integer[], $4::bigint[], $5::bigint[]) AS new (topic, partition, first, behind)"
        " USING (topic, partition) WHERE o.projection = $1 ORDER BY topic, partition FOR UPDATE OF o)"
        "UPDATE consumer_offsets AS o SET next_offset = held.behind FROM held WHERE o.projection = $1"
        " AND (o.topic, o.partition) = (held.topic, held.partition) AND held.next_offset = held.first"
        " RETURNING set_config('synchronous_commit', 'off', true)",
        projection,
        [partition.topic.value for partition in moves],
        [partition.partition for partition in moves],
        [first for first, _ in moves.values()],
        [behind for _, behind in moves.values()],
    )
    return len(moved) == len(moves)


async def store_offsets(
    connection: asyncpg.Connection, projection: str, next_offsets: Mapping[LogPartition, int]
) -> None:
    """Note that everything before these offsets is applied."""
    await connection.execute(
        "UPDATE consumer_offsets AS o SET next_offset = new.next_offset"
        " FROM unnest($2::text[], $3::integer[], $4::bigint[]) AS new (topic, partition, next_offset)"
        " WHERE o.projection = $1 AND o.topic = new.topic AND o.partition = new.partition",
        projection,
        [partition.topic.value for partition in next_offsets],
        [partition.partition for partition in next_offsets],
        list(next_offsets.values()),
    )
