"""Throwing a projection away and making it again from the log."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import dataclass

import asyncpg
from tqdm import tqdm

from .errors import LogGap
from .kafka import KafkaSettings
from .projection import BatchApplier, Projection
from .record import PoisonRecord, RecordPosition
from .tail import EventTail

_TABLE = re.compile(r"^[a-z_][a-z0-9_]*$")

Progress = Callable[[int, int], None]
"""Called with the offsets done and the offsets in all."""


@dataclass(frozen=True)
class ReplayReport:
    """What a replay did: events applied, and what was refused with the reasons."""

    events: int
    poison: tuple[tuple[RecordPosition, str], ...]


async def replay(kafka: KafkaSettings, pool: asyncpg.Pool, projection: Projection, progress: Progress) -> ReplayReport:
    """Empty the projection's tables and apply the log again, up to where it ends now.

    Records that were refused before are refused again, into the report only: their dead letters are
    in the log already. An interrupted replay is harmless: run it again, or let the service go on.

    Raises:
        LogUnavailable: Kafka is away; nothing is lost.
        ReaderStopped: the log has a gap, or an event of a newer release: from there on the tables would not be its.
            A log whose beginning is gone is refused before anything is emptied.
        ApplyFailed: at one record; everything before it was applied.
        asyncpg.PostgresError: the database failed; run it again.
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

    await _empty(pool, projection)
    applier = BatchApplier(pool, projection, note)
    done = events = 0
    progress(done, total)
    async with aclosing(tail.batches("earliest", until=ends)) as batches:
        async for batch in batches:
            applied = await applier.apply(batch)
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


async def _empty(pool: asyncpg.Pool, projection: Projection) -> None:
    """All at once, so that a service that runs meanwhile never sees tables and offsets disagree."""
    for table in projection.tables:
        if not _TABLE.match(table):
            raise ValueError(f"not a plain table name: {table!r}")
    async with pool.acquire() as connection, connection.transaction():
        if projection.tables:
            await connection.execute(f"TRUNCATE {', '.join(projection.tables)} RESTART IDENTITY")
        await connection.execute("DELETE FROM consumer_offsets WHERE projection = $1", projection.name)
