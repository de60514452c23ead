"""The one writer of the log: takes public records in each partition's order and signs checkpoints over them.

Which crash survives what: an entry exists when the Kafka transaction with its CheckpointSigned is
committed, and nothing else remembers anything. Before the commit a crash loses a transaction that
nobody has seen; after it the next leader finds the entry in ``evote.ledger``. A tenure therefore
begins by fencing the producer before it, which settles that one's last transaction, and only then
reads where the log ends.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from math import nan
from typing import Final, Protocol, cast

import asyncpg
import structlog
from evote_belenios.admission import ExaminedCast
from evote_eventlog.errors import Fenced, LogUnavailable, ReaderStopped
from evote_eventlog.events import EventData, LogEntry, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.offsets import stored_offsets
from evote_eventlog.record import LogPartition, Record
from evote_eventlog.tail import EventTail, Fetch
from evote_platform.health import NotReady
from evote_platform.tracing import Following, following
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.errors import MissingTile
from evote_tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash
from evote_tlog.policy import Policy
from pydantic import SecretStr

from .continuation import LogRolledBack, require_continuation
from .domain import SOURCE_TOPICS, Sequenced, Skip, examined, frontier_of, partial_tiles, sign_checkpoints
from .leadership import keep_leading
from .metrics import SequencerMetrics
from .projection import LedgerProjection
from .signed_head import TablesDisagree, newest_signed
from .store import newest_size, next_offsets, read_tiles, sequenced

TRANSACTIONAL_ID: Final = "ledger-sequencer"

_FOLLOWED: Final = frozenset({Topic.ELECTIONS, Topic.TALLY})
_PROJECTION_POLL_S = 0.05

_log = structlog.get_logger(__name__)


class CheckpointWriter(Protocol):
    """What the sequencer needs of :class:`evote_eventlog.producer.TransactionalProducer`."""

    async def start(self) -> None:
        """Fence every earlier writer and settle its last transaction."""

    async def stop(self) -> None:
        """Disconnect."""

    async def publish_all(self, events: Sequence[EventData]) -> list[Record]:
        """All or nothing."""


@dataclass(frozen=True)
class _Prepared:
    """A fetch, with all that its records say by themselves: what stands before them has no part in it."""

    records: Sequence[tuple[Record, EventData | ExaminedCast, str]]
    """With the leaf's hash, in hexadecimal."""
    poison: int
    """How many records of it no release can read."""
    came_after: float
    """Until when none of it had been fetched, in seconds of the monotonic clock."""


@dataclass
class _Head:
    """The end of the log, and what is waiting to be appended."""

    frontier: Frontier
    rules: Sequenced
    pending: list[LogEntry] = field(default_factory=list)
    arrivals: list[float] = field(default_factory=list)
    """Since when what is pending may have waited for its fetch, in seconds of the monotonic clock: events tell the
    minute only, and a record's timestamp is its writer's word."""
    followed: list[Following] = field(default_factory=list)
    """Of what officers, trustees and tally did that is pending: never of what voters do."""


class Sequencer:
    """Stands by until no other replica leads, then leads until something is in doubt, and so on."""

    def __init__(
        self,
        *,
        kafka: KafkaSettings,
        database_url: SecretStr,
        pool: asyncpg.Pool,
        writer: CheckpointWriter,
        key: SigningKey,
        metrics: SequencerMetrics,
        batch_interval_s: float,
        policy: Policy | None = None,
    ) -> None:
        """``pool`` reaches the schema of :class:`LedgerProjection`, which some replica must be running.

        Args:
            batch_interval_s: while nothing is left to fetch, a fetch begins no sooner behind the beginning of one that
                brought something, in seconds: what comes meanwhile shares a checkpoint.
            policy: names the witnesses that are asked before a tenure; every one has a URL.
        """
        self._kafka = kafka
        self._database_url = database_url
        self._pool = pool
        self._writer = writer
        self._key = key
        self._metrics = metrics
        self._batch_interval_s = batch_interval_s
        self._policy = policy
        self._trouble: str | None = "starting"

    async def run(self) -> None:
        """Run until cancelled; outages of Kafka and of the database are waited out.

        Raises:
            ReaderStopped: at an event of a newer release, or a gap; another replica may lead then.
        """
        passing = (Fenced, TablesDisagree, MissingTile, LogRolledBack)
        try:
            await keep_leading(self._database_url, "sequencer", self._lead, passing, self._report)
        except ReaderStopped as stopped:
            self._trouble = str(stopped)
            raise

    def _report(self, causes: list[str]) -> None:
        self._trouble = f"interrupted: {', '.join(causes)}" if causes else None

    async def check(self) -> None:
        """For ``/statusz``: this replica leads, or stands by for the one that does."""
        if self._trouble is not None:
            raise NotReady(self._trouble)

    async def _lead(self) -> None:
        self._trouble = "taking over"
        try:
            await self._sequence()
        finally:
            self._metrics.leading.set(0)
            self._metrics.size.set(nan)  # the next leader knows it
            await self._writer.stop()

    async def _sequence(self) -> None:
        await self._writer.start()
        await self._wait_for_projection()
        head, start = await self._load()
        await self._check_head(head.frontier)
        if self._policy is not None:
            await require_continuation(self._policy, self._pool, self._key)
        _log.info("sequencing", size=head.frontier.size)
        self._metrics.leading.set(1)
        self._metrics.size.set(head.frontier.size)
        self._trouble = None
        arrived: asyncio.Queue[_Prepared] = asyncio.Queue(1)
        async with asyncio.TaskGroup() as work:
            work.create_task(self._read(start, arrived))
            work.create_task(self._write(head, arrived))

    async def _wait_for_projection(self) -> None:
        """Until the tables show all that the log says now, and every record that it names."""
        ends = await EventTail(self._kafka, [Topic.LEDGER]).end_offsets()
        while not await self._projected(ends):  # noqa: ASYNC110 - another replica may be the one that projects
            await asyncio.sleep(_PROJECTION_POLL_S)
        while not await self._projected(await next_offsets(self._pool)):  # noqa: ASYNC110
            await asyncio.sleep(_PROJECTION_POLL_S)

    async def _projected(self, ends: dict[LogPartition, int]) -> bool:
        async with self._pool.acquire() as connection:
            stored = await stored_offsets(cast(asyncpg.Connection, connection), LedgerProjection.name)
        return all(stored.get(partition, 0) >= end for partition, end in ends.items())

    async def _load(self) -> tuple[_Head, dict[LogPartition, int]]:
        async with self._pool.acquire() as connection, connection.transaction(isolation="repeatable_read"):
            size = await newest_size(connection)
            partial = await read_tiles(connection, partial_tiles(size))
            rules = await sequenced(connection)
            start = await next_offsets(connection)
        return _Head(frontier_of(size, partial), rules), start

    async def _check_head(self, frontier: Frontier) -> None:
        """Who changes the tables must not get the log's key to sign another history: Kafka says what was signed."""
        shown = Checkpoint(self._key.verifier.name, frontier.size, frontier.root())
        signed = await newest_signed(self._kafka, self._key.verifier)
        if shown != (signed or Checkpoint(self._key.verifier.name, 0, EMPTY_ROOT)):
            raise TablesDisagree(signed, shown)

    async def _read(self, start: dict[LogPartition, int], arrived: asyncio.Queue[_Prepared]) -> None:
        tail = EventTail(self._kafka, SOURCE_TOPICS, round_s=self._batch_interval_s)
        async with aclosing(tail.fetches(start)) as fetches:
            async for fetch in fetches:
                # What is verified there takes most of the time, and lets go of Python's lock meanwhile.
                await arrived.put(await asyncio.to_thread(_prepared, fetch))
        raise LogUnavailable("the tail ended")

    async def _write(self, head: _Head, arrived: asyncio.Queue[_Prepared]) -> None:
        while True:
            self._take(head, await arrived.get())
            if head.pending:
                await self._publish(head)

    def _take(self, head: _Head, batch: _Prepared) -> None:
        self._metrics.skipped.labels("poison").inc(batch.poison)
        for record, event, leaf in batch.records:
            skip = head.rules.admit(event, record.position.partition)
            if skip is not None:
                self._skip(skip, record)
                continue
            head.pending.append(
                LogEntry(
                    topic=record.position.topic.value,
                    partition=record.position.partition,
                    offset=record.position.offset,
                    leaf_hash=leaf,
                )
            )
            head.arrivals.append(batch.came_after)
            if record.position.topic in _FOLLOWED:
                head.followed.append(following(record.envelope.id, record.position.topic.value))

    def _skip(self, skip: Skip, record: Record) -> None:
        self._metrics.skipped.labels(skip.value).inc()
        if skip is not Skip.NOT_PUBLIC:
            topic, partition, offset = record.position
            _log.warning("not-sequenced", reason=skip.value, topic=topic.value, partition=partition, offset=offset)

    async def _publish(self, head: _Head) -> None:
        await self._writer.publish_all(list(sign_checkpoints(head.frontier, head.pending, self._key)))
        now = time.monotonic()
        for arrival in head.arrivals:
            self._metrics.delay.observe(now - arrival)
        self._metrics.entries.inc(len(head.pending))
        self._metrics.size.set(head.frontier.size)
        head.pending.clear()
        head.arrivals.clear()
        for followed in head.followed:
            followed.set_attribute("evote.log.size", head.frontier.size)
            followed.end()
        head.followed.clear()


def _prepared(fetch: Fetch) -> _Prepared:
    read = [record for batch in fetch.batches for record in batch.records]
    records = [record for record in read if isinstance(record, Record)]
    events = examined([record.envelope.data for record in records])
    leaves = [leaf_hash(record.value).hex() for record in records]
    return _Prepared(list(zip(records, events, leaves, strict=True)), len(read) - len(records), fetch.came_after)
