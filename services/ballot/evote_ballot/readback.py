"""Reading back: the service's own reader of ``evote.ballots``, which has the last word before a receipt.

A publish is acknowledged when it is durable. What stands *before* it in its partition, a close marker, the same ballot
by way of another replica, or a newer one of its credential, only a reader of the log knows. Whatever crash or race
there was, all replicas read the same log, so a receipt is given only for a ballot that every reader admits.

The reader keeps records, and decides nothing: what the tables say of a credential at one moment, and the records from
that place on, are folded into its history whenever it is asked for. So neither a replica that begins to read behind a
close marker, nor one that is ahead of its tables, can know half of it.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from time import monotonic

import structlog
from evote_belenios.admission import ExaminedCast
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import BallotAccepted, BallotBoxClosed, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import Batch, LogPartition, Record
from evote_eventlog.tail import EventTail, Look
from evote_platform.clock import rfc3339
from evote_platform.health import NotReady
from evote_platform.outages import is_outage

from .domain.history import CastRecord, CloseMarker
from .domain.receipt import Acceptance

_READ_BACK_WITHIN_S = 5.0
_LOOKED_WITHIN_S = 3.0
"""How long who only asks waits for a look that is due within :data:`_UNASKED_S`: longer than a leader may take."""
_RECONNECT_S = 0.5
_UNASKED_S = 0.1
"""How long the log is not looked at while nobody waits for a record."""
_AGAIN_S = 0.01
_SLOW_AFTER_S = 3.0
_PRUNE_EVERY_S = 30.0

StoredOffsets = Callable[[], Awaitable[Mapping[LogPartition, int]]]
"""Gives the next offset of each partition that the projection has applied."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class _Own:
    """A record that this replica published and waits for, since when, and what its cast says by itself."""

    record: Record
    examined: ExaminedCast | None
    since: float

    @property
    def partition(self) -> LogPartition:
        return LogPartition(self.record.position.topic, self.record.position.partition)


class ReadBack:
    """What stands in ``evote.ballots`` beyond the projection, in memory, and who waits for which record."""

    def __init__(self, kafka: KafkaSettings, stored_offsets: StoredOffsets) -> None:
        self._tail = EventTail(kafka, {Topic.BALLOTS})
        self._stored_offsets = stored_offsets
        self._started = False
        self._begin: dict[LogPartition, int] = {}
        """From where on memory has every record."""
        self._next: dict[LogPartition, int] = {}
        self._pruned: Mapping[LogPartition, int] = {}
        self._records: defaultdict[tuple[str, str], list[CastRecord]] = defaultdict(list)
        self._credentials: dict[tuple[str, str], str] = {}
        self._markers: defaultdict[str, dict[int, CloseMarker]] = defaultdict(dict)
        self._waiting: dict[asyncio.Future[None], _Own] = {}
        self._looking: set[asyncio.Future[None]] = set()
        """Who waits for a look that begins now or later."""
        self._patient: set[asyncio.Future[None]] = set()
        """Who waits for the next look at all partitions, and makes it come no sooner."""
        self._asked = asyncio.Event()
        self._look: Look | None = None
        """How the log is looked at, while it is followed."""

    async def run(self) -> None:
        """Follow the log for ever; outages are waited out and reading goes on where it was."""
        while True:
            try:
                if not self._started:
                    # What the database has is looked up there; memory holds what comes after.
                    self._begin = dict(await self._stored_offsets())
                    self._next = dict(self._begin)
                    self._pruned = dict(self._begin)
                    self._started = True
                await self._follow()
            except LogUnavailable as error:
                _log.warning("read-back-interrupted", reason=error.reason)
            except Exception as error:
                # The tables' places: PostgreSQL has another primary in a moment, and memory has all until then.
                if not is_outage(error):
                    raise
                _log.warning("read-back-interrupted", reason=type(error).__name__)
            await asyncio.sleep(_RECONNECT_S)

    async def wait_for(self, record: Record, examined: ExaminedCast | None = None) -> None:
        """Return when all that stands before an acknowledged ``record`` is known, and it with that.

        ``LogUnavailable`` after five seconds.

        Args:
            examined: what the record's cast says by itself, for who knows: nobody asks it again then.
        """
        position = record.position
        partition = LogPartition(position.topic, position.partition)
        next_offset = self._next.get(partition, 0)
        if next_offset > position.offset:
            return
        look = self._look
        if look is not None and next_offset == position.offset and partition not in look.missed:
            # It stands where the reader has come to, so nothing came between: a look would bring this record, and be
            # for nobody. What has come behind it, it does not hide: the next look begins there. But where the log's
            # leader could not tell what it has, or ends before, nobody knows whether the reader's place is the log's.
            look.pass_by(partition, position.offset + 1)
            self._take(Batch(partition, position.offset, position.offset + 1, [record]), examined)
            return
        passed: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[passed] = _Own(record, examined, monotonic())
        self._asked.set()
        try:
            async with asyncio.timeout(_READ_BACK_WITHIN_S):
                await passed
        except TimeoutError as error:
            raise LogUnavailable("the record was not read back in time") from error
        finally:
            self._waiting.pop(passed, None)

    async def catch_up(self) -> None:
        """Return when the log was looked at once more; ``LogUnavailable`` after five seconds.

        What another replica has just taken in is known then, too, if its partition's leader answered.
        """
        self._asked.set()
        await self._looked(self._looking, _READ_BACK_WITHIN_S)

    async def look_with_others(self) -> None:
        """Return when the log's next look at all partitions has come to its end; it comes no sooner for this.

        So nobody who asks, however often, makes this replica or Kafka work. ``LogUnavailable`` when a partition's
        leader did not answer, or Kafka didn't: what another replica has just taken in isn't known then.
        """
        await self._looked(self._patient, _LOOKED_WITHIN_S)

    async def _looked(self, waiting: set[asyncio.Future[None]], within_s: float) -> None:
        looked: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        waiting.add(looked)
        try:
            async with asyncio.timeout(within_s):
                await looked
        except TimeoutError as error:
            raise LogUnavailable("the log was not looked at in time") from error
        finally:
            waiting.discard(looked)

    def records_since(
        self, election_uuid: str, credential: str, projected: Mapping[LogPartition, int]
    ) -> list[CastRecord]:
        """A credential's records that are not ``projected``, in their order.

        Raises ``LogUnavailable`` when the tables are behind what memory begins with: they are being made again, and
        what lies between is known to neither.
        """
        if not self._started or any(projected.get(partition, 0) < begin for partition, begin in self._begin.items()):
            raise LogUnavailable("the tables are being made again from the log")
        return [
            record
            for record in self._records.get((election_uuid, credential), ())
            if record.acceptance.offset >= projected.get(LogPartition(Topic.BALLOTS, record.acceptance.partition), 0)
        ]

    def markers(self, election_uuid: str) -> Mapping[int, CloseMarker]:
        """By partition, the first close marker of the election among those read."""
        return self._markers.get(election_uuid, {})

    def credential_of(self, election_uuid: str, tracker: str) -> str | None:
        """Whose ballot a tracker is by a record that was read; whether it was admitted, only its history tells."""
        return self._credentials.get((election_uuid, tracker))

    async def check(self) -> None:
        """For readiness: the reader has its place, and nobody waits for it unreasonably long."""
        if not self._started:
            raise NotReady("the reader has no place in the log yet")
        since = min((own.since for own in self._waiting.values()), default=monotonic())
        if monotonic() - since > _SLOW_AFTER_S:
            raise NotReady("records are not read back")

    async def _follow(self) -> None:
        async with self._tail.looks(self._next) as look:
            self._look = look
            try:
                await self._look_on(look)
            finally:
                self._look = None  # nothing is known any more of what comes

    async def _look_on(self, look: Look) -> None:
        pruned_at, looked_at = monotonic(), float("-inf")
        while True:
            await self._asked_for(looked_at + _UNASKED_S)
            looking, asked = list(self._looking), {own.partition for own in self._waiting.values()}
            patient: list[asyncio.Future[None]] = []
            if looking or monotonic() - looked_at >= _UNASKED_S:
                looked_at, patient = monotonic(), list(self._patient)
                batches = await look()
            else:
                batches = await look(asked)
            for batch in batches:
                self._take(batch)
            _end(looking, self._looking)
            missed = LogUnavailable("a partition's leader does not answer") if look.missed else None
            _end(patient, self._patient, missed)
            if not batches and self._waiting:  # acknowledged, and not shown yet: a leader that changes
                await asyncio.sleep(_AGAIN_S)
            if monotonic() - pruned_at > _PRUNE_EVERY_S:
                self._prune(await self._stored_offsets())
                pruned_at = monotonic()

    async def _asked_for(self, at_last: float) -> None:
        """Until somebody waits, or it is time for a look at all that the other replicas took in.

        A look for each record of every replica would be for nobody.
        """
        self._asked.clear()
        if self._waiting or self._looking:
            return
        with suppress(TimeoutError):
            async with asyncio.timeout(at_last - monotonic()):
                await self._asked.wait()

    def _take(self, batch: Batch, examined: ExaminedCast | None = None) -> None:
        known = self._next.get(batch.partition, 0)
        awaited = {passed: own for passed, own in self._waiting.items() if own.partition == batch.partition}
        # By their bytes, and not by their place alone: what the log has there is what was published, and examined.
        own_examined = {own.record.value: own.examined for own in awaited.values()}
        for record in batch.records:
            if isinstance(record, Record) and record.position.offset >= known:
                self._note(record, examined or own_examined.get(record.value))
        self._next[batch.partition] = max(known, batch.end)
        for passed, own in awaited.items():
            if own.record.position.offset < batch.end:
                # Now, and not when its task comes to it: else the next look would be for it, too.
                del self._waiting[passed]
                if not passed.done():
                    passed.set_result(None)

    def _note(self, record: Record, examined: ExaminedCast | None) -> None:
        data, position = record.envelope.data, record.position
        if isinstance(data, BallotBoxClosed):
            marker = CloseMarker(position.offset, data.partitions)
            self._markers[data.election_uuid].setdefault(position.partition, marker)
        elif isinstance(data, BallotAccepted):
            self._records[data.election_uuid, data.credential].append(cast_record(record, data, examined))
            self._credentials.setdefault((data.election_uuid, data.tracker), data.credential)

    def _prune(self, projected: Mapping[LogPartition, int]) -> None:
        """Forget what the database had at the last pruning: no request holds a snapshot that old. Markers stay."""
        forget, self._pruned = self._pruned, dict(projected)
        kept: defaultdict[tuple[str, str], list[CastRecord]] = defaultdict(list)
        self._credentials.clear()
        for (election_uuid, credential), records in self._records.items():
            for record in records:
                accepted = record.acceptance
                if accepted.offset >= forget.get(LogPartition(Topic.BALLOTS, accepted.partition), 0):
                    kept[election_uuid, credential].append(record)
                    self._credentials.setdefault((election_uuid, accepted.tracker), credential)
        self._records = kept
        self._begin.update(forget)


def _end(
    ended: Iterable[asyncio.Future[None]], waiting: set[asyncio.Future[None]], failure: LogUnavailable | None = None
) -> None:
    for looked in ended:
        waiting.discard(looked)
        if not looked.done() and failure is not None:
            looked.set_exception(failure)
        elif not looked.done():
            looked.set_result(None)


def cast_record(record: Record, cast: BallotAccepted, examined: ExaminedCast | None = None) -> CastRecord:
    """A record of the log, the cast that is in it, and what is known of it, as a history takes it."""
    position = record.position
    acceptance = Acceptance(
        cast.election_uuid, cast.tracker, position.partition, position.offset, rfc3339(record.envelope.time)
    )
    return CastRecord(cast, acceptance, examined)
