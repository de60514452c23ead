"""Applying a batch of records to PostgreSQL: each event once, poison aside, the offset with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Final, Protocol, cast

import asyncpg
import structlog

from .errors import LogTruncated, LogUnavailable, PoisonError
from .events import Topic
from .offsets import lock_offset, store_offset
from .record import LogPartition, PoisonRecord, Record

_log = structlog.get_logger(__name__)

TRANSIENT: Final = (
    asyncpg.PostgresError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    LogUnavailable,
    OSError,
    TimeoutError,
)
"""Failures of the database or the log: the batch is rolled back and tried again, never skipped."""

_DETERMINISTIC = (asyncpg.DataError, asyncpg.IntegrityConstraintViolationError)


class Projection(Protocol):
    """What a service makes of events, in tables that can be thrown away.

    The order of events is kept within a partition only, so tables must not depend on how the records
    of different partitions interleave: then a replay gives the same rows. Constraints must not be
    deferred: a violation has to show at the event that causes it.
    """

    @property
    def name(self) -> str:
        """Names the consumer group and the rows of ``consumer_offsets``; never changes."""

    @property
    def topics(self) -> frozenset[Topic]:
        """What it reads."""

    @property
    def tables(self) -> tuple[str, ...]:
        """The tables that a replay empties: all that ``apply`` writes, and nothing else."""

    async def apply(self, connection: asyncpg.Connection, record: Record) -> None:
        """Change the tables for one event, inside the transaction that the connection is in.

        Raises:
            PoisonError: the event breaks a rule; it goes to the dead letters.
        """


@dataclass(frozen=True)
class Batch:
    """Consecutive records of one partition: all that there are from ``start`` up to ``end`` (exclusive).

    Offsets without a record belong to transaction markers and aborted transactions.
    """

    partition: LogPartition
    start: int
    end: int
    records: Sequence[Record | PoisonRecord]


@dataclass(frozen=True)
class Applied:
    """What a committed batch did: events by CloudEvents type, poison, and the next offset."""

    events: Counter[str]
    poison: int
    next_offset: int


class OffsetMovedBack(Exception):
    """The database knows less than this consumer applied: it was replayed or restored. Seek there."""

    def __init__(self, next_offset: int) -> None:
        super().__init__(f"the projection is back at offset {next_offset}")
        self.next_offset = next_offset


class BatchApplier:
    """Applies batches of one projection, each in one transaction, with a savepoint for each event."""

    def __init__(
        self,
        pool: asyncpg.Pool,
        projection: Projection,
        on_poison: Callable[[PoisonRecord], Awaitable[None]],
    ) -> None:
        """``on_poison`` must have noted the record durably when it returns; the commit comes after."""
        self._pool = pool
        self._projection = projection
        self._on_poison = on_poison

    async def apply(self, batch: Batch) -> Applied:
        """Apply what no replica has applied yet.

        The offset's row is locked first: while a rebalance hands a partition over, the old owner and
        the new one meet here, and the second finds the offset moved on.

        Raises:
            OffsetMovedBack: nothing was applied.
            LogTruncated: the log begins the batch before its own start.
            Exceptions of ``TRANSIENT``: nothing was applied; try again.
        """
        name, partition = self._projection.name, batch.partition
        if batch.records and batch.records[0].position.offset < batch.start:
            raise LogTruncated(*partition, batch.start, batch.records[0].position.offset)
        events: Counter[str] = Counter()
        poison = 0
        async with self._pool.acquire() as pooled, pooled.transaction():
            connection = cast(asyncpg.Connection, pooled)
            next_offset = await lock_offset(connection, name, partition)
            if next_offset < batch.start:
                raise OffsetMovedBack(next_offset)
            for record in batch.records:
                if record.position.offset < next_offset:
                    continue
                refused = await self._apply_one(connection, record)
                if refused is None:
                    events[cast(Record, record).envelope.type] += 1
                else:
                    poison += 1
                    await self._on_poison(refused)
            if batch.end > next_offset:
                next_offset = batch.end
                await store_offset(connection, name, partition, next_offset)
        return Applied(events, poison, next_offset)

    async def _apply_one(self, connection: asyncpg.Connection, record: Record | PoisonRecord) -> PoisonRecord | None:
        if isinstance(record, PoisonRecord):
            return record
        try:
            async with connection.transaction():
                await self._projection.apply(connection, record)
        except Exception as error:
            reason = _poison_reason(error)
            if reason is None:
                raise
            if not isinstance(error, PoisonError):
                _log.exception("projection-failed", projection=self._projection.name, position=record.position)
            return PoisonRecord(record.position, record.value, reason)
        return None


def _poison_reason(error: Exception) -> str | None:
    """Why no retry can help, or None when the fault lies with the database or the log."""
    if isinstance(error, PoisonError):
        return error.reason
    if isinstance(error, _DETERMINISTIC):
        facts: Any = error
        constraint = getattr(facts, "constraint_name", None)
        return f"the database refuses it: {type(error).__name__}" + (f" ({constraint})" if constraint else "")
    if isinstance(error, TRANSIENT):
        return None
    return f"the projection fails on it: {type(error).__name__}"
