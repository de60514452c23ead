"""Applying a batch of records to PostgreSQL: each event once, poison aside, the offset with it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Final, Protocol, cast, runtime_checkable

import asyncpg
import structlog

from .errors import ApplyFailed, LogUnavailable, OffsetMovedBack, PoisonError
from .events import Topic
from .offsets import lock_offsets, move_offsets, store_offsets
from .record import Batch, PoisonRecord, Record

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

OUTAGES: Final = (
    asyncpg.PostgresConnectionError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.TransactionRollbackError,
    asyncpg.ObjectNotInPrerequisiteStateError,  # a lock that was not to be had
    asyncpg.InvalidTransactionStateError,  # read-only: a standby that is being promoted
    asyncpg.PostgresSystemError,
    asyncpg.InterfaceError,
    asyncpg.InternalClientError,
    LogUnavailable,
    OSError,
    TimeoutError,
)
"""What passes by itself: of all that can go wrong with the database, what is expected now and then."""


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


@runtime_checkable
class BulkProjection(Projection, Protocol):
    """A projection that can write the rows of many records at once."""

    async def apply_all(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        """Do what :meth:`apply` would do for each of these records; those of a partition are in their order.

        Raises:
            PoisonError, or what the database raises: ``apply`` refuses one of them. Which one need not show:
                everything is rolled back and applied again, record by record.
        """


@dataclass(frozen=True)
class Applied:
    """What a committed batch did: events by CloudEvents type, poison, and the next offset."""

    events: Counter[str]
    poison: int
    next_offset: int


class _MovedOtherwise(Exception):
    """A partition does not stand where its batch begins."""


class BatchApplier:
    """Applies batches of one projection, together or each in one transaction.

    Nearly every batch is free of events that the projection refuses, so the whole of it is tried at once, under
    one savepoint. When that fails, each event gets a savepoint of its own and shows whether it is poison.
    """

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
            ApplyFailed: at one record, which stays; everything before it was applied.
            Exceptions of ``OUTAGES``: nothing was applied; try again.
        """
        async with self._pool.acquire() as connection:
            return await self.apply_within(cast(asyncpg.Connection, connection), batch)

    async def apply_together(self, batches: Sequence[Batch]) -> list[Applied] | None:
        """As :meth:`apply` for each of the batches, all in one transaction: as it is nearly always possible.

        None: something stands in the way, and nothing was applied; :meth:`apply` tells of which batch, and what.
        """
        if any(isinstance(record, PoisonRecord) for batch in batches for record in batch.records):
            return None
        name, moves = self._projection.name, {batch.partition: (batch.start, batch.end) for batch in batches}
        records = [record for batch in batches for record in batch.records if isinstance(record, Record)]
        try:
            async with self._pool.acquire() as held, held.transaction():
                connection = cast(asyncpg.Connection, held)
                if not await move_offsets(connection, name, moves):
                    raise _MovedOtherwise
                if records:
                    await self._write(connection, records)
        except Exception as error:
            # A crash, or a commit whose answer was lost, leaves all or nothing: the offsets tell which. One that stands
            # for good would cost every round twice: whoever operates this should see it. Its type alone: a database
            # tells the row.
            _log.info("projection-not-together", projection=name, error=type(error).__name__)
            return None
        return [Applied(_types_of(batch), 0, batch.end) for batch in batches]

    async def apply_within(self, connection: asyncpg.Connection, batch: Batch) -> Applied:
        """As :meth:`apply`, over a connection that may be in a transaction already."""
        name, partition = self._projection.name, batch.partition
        async with connection.transaction():
            next_offset = (await lock_offsets(connection, name, [partition]))[partition]
            if next_offset < batch.start:
                raise OffsetMovedBack(next_offset)
            records = [record for record in batch.records if record.position.offset >= next_offset]
            poison, failed = await self._apply(connection, records)
            for refused in poison:
                await self._on_poison(refused)
            end = batch.end if failed is None else failed.offset
            if end > next_offset:
                next_offset = end
                await store_offsets(connection, name, {partition: next_offset})
        if failed is not None:
            raise failed
        places = {refused.position for refused in poison}
        events = Counter(
            record.envelope.type for record in records if isinstance(record, Record) and record.position not in places
        )
        return Applied(events, len(poison), next_offset)

    async def _apply(
        self, connection: asyncpg.Connection, records: Sequence[Record | PoisonRecord]
    ) -> tuple[list[PoisonRecord], ApplyFailed | None]:
        """Apply the records up to one that fails; those that can't be read or break a rule, in their order."""
        readable = [record for record in records if isinstance(record, Record)]
        if not readable or await self._apply_together(connection, readable):
            return [record for record in records if isinstance(record, PoisonRecord)], None
        poison: list[PoisonRecord] = []
        for record in records:
            try:
                refused = await self._apply_one(connection, record)
            except ApplyFailed as failed:
                return poison, failed
            if refused is not None:
                poison.append(refused)
        return poison, None

    async def _apply_together(self, connection: asyncpg.Connection, records: Sequence[Record]) -> bool:
        """Whether all could be applied; otherwise nothing is."""
        try:
            async with connection.transaction():
                await self._write(connection, records)
        except OUTAGES:
            raise
        except Exception:
            return False  # one by one they show which it was, and why
        return True

    async def _write(self, connection: asyncpg.Connection, records: Sequence[Record]) -> None:
        if isinstance(self._projection, BulkProjection):
            await self._projection.apply_all(connection, records)
        else:
            for record in records:
                await self._projection.apply(connection, record)

    async def _apply_one(self, connection: asyncpg.Connection, record: Record | PoisonRecord) -> PoisonRecord | None:
        if isinstance(record, PoisonRecord):
            return record
        try:
            async with connection.transaction():
                await self._projection.apply(connection, record)
        except PoisonError as poison:
            return PoisonRecord(record.position, record.value, poison.reason)
        except OUTAGES:
            raise
        except Exception as error:
            # Only a rule of the projection's own sets a record aside. Who lost a table, or forgot a case, must not
            # lose ballots by it.
            raise ApplyFailed(str(record.position), record.position.offset, record.envelope.type) from error
        return None


def _types_of(batch: Batch) -> Counter[str]:
    return Counter(record.envelope.type for record in batch.records if isinstance(record, Record))
