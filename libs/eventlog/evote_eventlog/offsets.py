"""How far a projection has come, kept beside its tables so that both change in one transaction."""

from __future__ import annotations

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


async def lock_offset(connection: asyncpg.Connection, projection: str, partition: LogPartition) -> int:
    """The next offset to apply; no other replica can apply this partition before the transaction ends."""
    key = (projection, partition.topic.value, partition.partition)
    await connection.execute("INSERT INTO consumer_offsets VALUES ($1, $2, $3, 0) ON CONFLICT DO NOTHING", *key)
    return int(
        await connection.fetchval(
            "SELECT next_offset FROM consumer_offsets"
            " WHERE projection = $1 AND topic = $2 AND partition = $3 FOR UPDATE",
            *key,
        )
    )


async def store_offset(
    connection: asyncpg.Connection, projection: str, partition: LogPartition, next_offset: int
) -> None:
    """Note that everything before ``next_offset`` is applied."""
    await connection.execute(
        "UPDATE consumer_offsets SET next_offset = $4 WHERE projection = $1 AND topic = $2 AND partition = $3",
        projection,
        partition.topic.value,
        partition.partition,
        next_offset,
    )
