"""Reading back: the service's own reader of ``evote.ballots``, which has the last word before a receipt.

A publish is acknowledged when it is durable. What stands *before* it in its partition, a close marker or the same
ballot by way of another replica, only a reader of the log knows. Whatever crash or race there was, all replicas read
the same log, so a receipt is given only for a ballot that every reader will count as accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from contextlib import aclosing
from time import monotonic

import structlog
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotAccepted, BallotBoxClosed, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import Batch, LogPartition, Record, RecordPosition
from evote_eventlog.tail import EventTail
from evote_platform.clock import rfc3339
from evote_platform.health import NotReady

from .domain.receipt import Acceptance

_READ_BACK_WITHIN_S = 5.0
_RECONNECT_S = 0.5
_SLOW_AFTER_S = 3.0
_PRUNE_EVERY_S = 30.0

StoredOffsets = Callable[[], Awaitable[Mapping[LogPartition, int]]]
"""Gives the next offset of each partition that the projection has applied."""

_log = structlog.get_logger(__name__)


class ReadBack:
    """What stands in ``evote.ballots`` beyond the projection, in memory, and who waits for which record."""

    def __init__(self, kafka: KafkaSettings, stored_offsets: StoredOffsets) -> None:
        self._tail = EventTail(kafka, {Topic.BALLOTS})
        self._stored_offsets = stored_offsets
        self._started = False
        self._next: dict[LogPartition, int] = {}
        self._first: dict[tuple[str, str], Acceptance] = {}
        self._markers: dict[tuple[str, int], int] = {}
        self._waiting: dict[asyncio.Future[None], tuple[LogPartition, int, float]] = {}

    async def run(self) -> None:
        """Follow the log for ever; outages are waited out and reading goes on where it was."""
        while True:
            try:
                if not self._started:
                    # What the database has is looked up there; memory holds what comes after.
                    self._next = dict(await self._stored_offsets())
                    self._started = True
                await self._follow()
            except LogUnavailable as error:
                _log.warning("read-back-interrupted", reason=error.reason)
            await asyncio.sleep(_RECONNECT_S)

    async def wait_for(self, position: RecordPosition) -> None:
        """Return when the record at ``position`` has been read; ``LogUnavailable`` after five seconds."""
        partition = LogPartition(position.topic, position.partition)
        if self._next.get(partition, 0) > position.offset:
            return
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[passed] = (partition, position.offset, monotonic())
        try:
            async with asyncio.timeout(_READ_BACK_WITHIN_S):
                await passed
        except TimeoutError as error:
            raise LogUnavailable("the record was not read back in time") from error
        finally:
            del self._waiting[passed]

    def first_acceptance(self, election_uuid: str, tracker: str) -> Acceptance | None:
        """The first record of a tracker before the close marker, among those read since the projection's place."""
        return self._first.get((election_uuid, tracker))

    def marker(self, election_uuid: str, partition: int) -> int | None:
        """The offset of the first close marker of the election in a partition, among those read."""
        return self._markers.get((election_uuid, partition))

    async def check(self) -> None:
        """For readiness: the reader has its place, and nobody waits for it unreasonably long."""
        if not self._started:
            raise NotReady("the reader has no place in the log yet")
        since = min((since for _, _, since in self._waiting.values()), default=monotonic())
        if monotonic() - since > _SLOW_AFTER_S:
            raise NotReady("records are not read back")

    async def _follow(self) -> None:
        pruned_at = monotonic()
        async with aclosing(self._tail.batches(dict(self._next))) as batches:
            async for batch in batches:
                self._take(batch)
                if monotonic() - pruned_at > _PRUNE_EVERY_S:
                    self._prune(await self._stored_offsets())
                    pruned_at = monotonic()

    def _take(self, batch: Batch) -> None:
        for record in batch.records:
            if isinstance(record, Record):
                self._note(record)
        self._next[batch.partition] = batch.end
        for passed, (partition, offset, _) in self._waiting.items():
            if partition == batch.partition and offset < batch.end and not passed.done():
                passed.set_result(None)

    def _note(self, record: Record) -> None:
        data, position = record.envelope.data, record.position
        if isinstance(data, BallotBoxClosed):
            self._markers.setdefault((data.election_uuid, position.partition), position.offset)
        elif isinstance(data, BallotAccepted) and (data.election_uuid, position.partition) not in self._markers:
            acceptance = Acceptance(
                data.election_uuid,
                data.tracker,
                position.partition,
                position.offset,
                rfc3339(record.envelope.time),
            )
            self._first.setdefault((data.election_uuid, data.tracker), acceptance)

    def _prune(self, projected: Mapping[LogPartition, int]) -> None:
        """Forget ballots that the database has; markers are few and stay."""
        self._first = {
            key: acceptance
            for key, acceptance in self._first.items()
            if acceptance.offset >= projected.get(LogPartition(Topic.BALLOTS, acceptance.partition), 0)
        }
