"""Throwing a projection away and making it again from the log."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass
from typing import Final, cast

import asyncpg
from tqdm import tqdm

from .errors import LogGap, LogUnavailable, ReaderStopped
from .kafka import KafkaSettings
from .projection import BatchApplier, Projection
from .record import PoisonRecord, RecordPosition
from .tail import EventTail

_TABLE = re.compile(r"^[a-z_][a-z0-9_]*$")

REPLAY_REFUSALS: Final = (LogUnavailable, ReaderStopped)
"""What :func:`replay` raises that says to a person what was wrong and what to do."""

Progress = Callable[[int, int], None]
"""Called with the offsets done and the offsets in all."""


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did: events applied, and what was refused with the reasons."""

    events: int
    poison: tuple[tuple[RecordPosition, str], ...]


async def replay(kafka: KafkaSettings, pool: asyncpg.Pool, projection: Projection, progress: Progress) -> ReplayReport:
    """Make the projection's tables again from the log, up to where it ends now, in one transaction.

    Whoever reads the tables meanwhile sees them as they were, never half of them: an election is not unknown, and no
    voter told so, because its row has not been made again yet. The running projection waits, and goes on behind the
    replay. A replay that ends early, for whatever reason, has changed nothing.

    Records that were refused before are refused again, into the report only: their dead letters are in the log already.

    Raises:
        LogUnavailable: Kafka is away.
        ReaderStopped: the log has a gap, or an event of a newer release.
        ApplyFailed: the projection fails on a record.
        asyncpg.PostgresError: the database failed.
    """
    tail = EventTail(kafka, projection.topics)
    for partition, begin in (await tail.begin_offsets()).items():
        if begin > 0:
            raise LogGap(partition.topic.value, partition.partition, 0, begin, f"the log begins at {begin}")
    ends = await tail.end_offsets()
    total = sum(ends.values())
    refused: list[tuple[RecordPosition, str]] = []

    async def note(poison: PoisonRecord) -> None:
        refused.append((poison.position, poison.reason))

    applier = BatchApplier(pool, projection, note)
    done = events = 0
    progress(done, total)
    async with (
        pool.acquire() as pooled,
        pooled.transaction(),
        aclosing(tail.batches("earliest", until=ends)) as batches,
    ):
        connection = cast(asyncpg.Connection, pooled)
        await _empty(connection, projection)
        async for batch in batches:
            applied = await applier.apply_within(connection, batch)
            events += applied.events.total()
            done += batch.end - batch.start
            progress(done, total)
    return ReplayReport(events, tuple(refused))


async def replay_with_bar(kafka: KafkaSettings, pool: asyncpg.Pool, projection: Projection) -> None:
    """As :func:`replay`, for a terminal: a progress bar, and a line on standard error for each refused record."""
    with tqdm(unit="event", desc=projection.name) as bar:

        def show(done: int, total: int) -> None:
            bar.total = total
            bar.update(done - bar.n)

        report = await replay(kafka, pool, projection, show)
    for position, reason in report.poison:
        print(f"refused: {position}: {reason}", file=sys.stderr)


async def _empty(connection: asyncpg.Connection, projection: Projection) -> None:
    for table in projection.tables:
        if not _TABLE.match(table):
            raise ValueError(f"not a plain table name: {table!r}")
    # First, so that the running projection, which takes a row of it, changes nothing until this is done.
    await connection.execute("LOCK TABLE consumer_offsets IN EXCLUSIVE MODE")
    await connection.execute("DELETE FROM consumer_offsets WHERE projection = $1", projection.name)
    for table in projection.tables:
        # Not TRUNCATE: that empties a table for those who read it, too.
        await connection.execute(f"DELETE FROM {table}")  # noqa: S608 - a plain name
