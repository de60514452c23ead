"""What every reader of the log shares: committed records only, every offset accounted for, and where the log ends."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from time import monotonic
from typing import Any, Final, NamedTuple

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import CorruptRecordException, IllegalStateError, KafkaError, OffsetOutOfRangeError
from aiokafka.structs import ConsumerRecord

from .batches import BrokenBatch, Found, RawRecord, SeenBatches, fetch_from
from .errors import LogGap, LogTruncated, ReaderStopped, UnknownEvent
from .events import Topic
from .kafka import KafkaSettings
from .record import Batch, LogPartition, PoisonRecord, Record, RecordPosition, read_record

_STOP_TIMEOUT_S = 5.0
_BATCH_RECORDS = 2000
_LOOKED_WITHIN_S = 2.0
"""A broker that stands still holds a look up for no longer, and with it what the others have."""
_TRUNCATED_AFTER_S = 10.0
"""How long a leader may say that the log ends before a reader's place, until it is believed: one that was left behind
says so too, until Kafka or the network has told its clients of the new one."""

_OTHERS_S = 0.02
"""How long what one leader gave is kept for what all others have, in seconds."""

_CHECKED_BYTES: Final = 16 * 1024
"""Of each partition, where only the batch at its place is asked for: the others of the answer have room, too."""

Places = Mapping[TopicPartition, int]
"""The next offset to read of each partition."""


class Epoch(NamedTuple):
    """That the record before the offset ``behind`` is of this number of the partition's leaders."""

    behind: int
    number: int


class _Read(NamedTuple):
    """What stands from ``place`` up to before ``end``, by one answer."""

    place: int
    end: int
    epoch: int | None
    """That of the batch which holds the record before ``end``; None: nothing stands there."""
    records: Iterable[RawRecord]


class LogReader:
    """Reads on from given places, and passes no offset without knowing what stands there.

    A consumer of Kafka goes on behind whatever it can't see: records that were deleted, by a person or by a topic's
    settings, look to it like a transaction's marker. Where the offsets that it gives are not one after the other, but
    for markers that came with them, the batches themselves are looked at (:mod:`.batches`).

    Who rests between fetches and is not behind has one fetch for each time that they ask, which brings all that came
    until then; for everybody else, the consumer fetches ahead.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        consumer: AIOKafkaConsumer,
        epochs: dict[TopicPartition, Epoch] | None = None,
        *,
        rests: bool = False,
    ) -> None:
        """``consumer`` is started, and assigned to what is read; ``epochs`` are an earlier reader's, and go on here.

        Args:
            rests: whether the caller lets more come together before the next fetch, while :attr:`caught_up`.
        """
        self._kafka = kafka
        self._rests = rests
        self._consumer = consumer
        self._seen = SeenBatches(consumer)
        self._stop: ReaderStopped | None = None
        self._epochs: dict[TopicPartition, Epoch] = {} if epochs is None else epochs
        self._out_of_range: dict[TopicPartition, float] = {}
        """Of which partitions the leaders say, and since when, that nothing is known at their place."""
        self.missed: frozenset[TopicPartition] = frozenset()
        """What the last look at each left to the next one."""

    async def next_batches(self, places: Places, *, timeout_ms: int) -> list[tuple[TopicPartition, Batch]]:
        """What comes next: for each partition at most one batch, which begins at its place.

        A log that ends before a place is waited for, some ten seconds long.

        Raises:
            UnknownEvent, LogGap, LogTruncated: once what stands before it has been given.
            KafkaError: Kafka is away.
        """
        if self._stop is not None:
            raise self._stop
        self._out_of_range = {
            partition: since for partition, since in self._out_of_range.items() if partition in places
        }
        self._seen.expect(places)
        fetched = await self._fetch(timeout_ms)
        found = {partition: await self._next(partition, place, fetched) for partition, place in places.items()}
        batches, _ = await self._standing(found)
        if self._stop is not None and not batches:
            raise self._stop
        if self._out_of_range and not batches:
            await asyncio.sleep(timeout_ms / 1000)  # as behind a fetch that brings nothing
        return batches

    async def look(self, places: Places) -> list[tuple[TopicPartition, Batch]]:
        """As :meth:`next_batches`, by one request to each leader, which tells what it has and waits for nothing, and a
        small one more where an epoch moved. What a leader can't tell now is left to the next look, unless none can:
        also what stands at a place that it hasn't.

        For a consumer that nothing is assigned to: it fetches nothing by itself, and no look waits behind that.
        """
        if self._stop is not None:
            raise self._stop
        answers = await fetch_from(self._consumer, places, within_s=_LOOKED_WITHIN_S)
        read, missed = dict[TopicPartition, _Read | None](), None
        for partition, answer in answers.items():
            try:
                found = await self._read(partition, places[partition], answer)
            except KafkaError as error:
                if not error.retriable:
                    raise  # the next look would find it again, and the partition stand still without a word
                missed = error
            else:
                if partition not in self._out_of_range:
                    read[partition] = found
        if missed is not None:
            if not read:
                raise missed
            self._consumer._client.force_metadata_update()  # the partition has another leader by now
        batches, unknown = await self._standing(read)
        self.missed = self.missed.union(places) - (read.keys() - unknown)
        if self._stop is not None and not batches:
            raise self._stop
        return batches

    @property
    def caught_up(self) -> bool:
        """Whether the consumer has come to where each partition ended, by its leader's last answer."""
        return self._at_end(self._consumer.assignment())

    def _at_end(self, partitions: Iterable[TopicPartition]) -> bool:
        consumer = self._consumer
        states = consumer._subscription.subscription.assignment
        return all(
            states.state_value(partition).has_valid_position
            and states.state_value(partition).position >= (consumer.last_stable_offset(partition) or 0)
            for partition in partitions
        )

    async def _fetch(self, timeout_ms: int) -> Mapping[TopicPartition, Sequence[ConsumerRecord]] | None:
        """What the consumer gives, or None when it came to bytes that it can't read, and nobody knows where."""
        fetched: defaultdict[TopicPartition, list[ConsumerRecord]] = defaultdict(list)
        try:
            if paused := self._consumer.paused():
                # What another leader answered after the last fetch was given is dropped: it is asked for anew, with
                # what came since, or it would be all that this fetch gives of that leader.
                await self._take(fetched, 0)
                self._consumer.resume(*paused)
            await self._take(fetched, timeout_ms)
            if self._rests and fetched:
                await self._take_of_others(fetched)
        except CorruptRecordException:
            return None
        except KafkaError:
            raise
        except Exception:  # a header's name that is no UTF-8, for one: brokers take it, and aiokafka's parser ends
            return None
        return fetched

    async def _take_of_others(self, fetched: defaultdict[TopicPartition, list[ConsumerRecord]]) -> None:
        """Wait a moment for the leaders that have not answered yet, and ask none again before the next fetch."""
        fetcher, until = self._consumer._fetcher, monotonic() + _OTHERS_S
        # Of the others more may be known than was taken: their last answers were dropped. They are waited for.
        while self._at_end(fetched.keys() & self._consumer.assignment()):
            answered = {fetcher._select_read_replica(partition) for partition in fetched}
            waiting, left = fetcher._in_flight - answered, until - monotonic()
            # Or the consumer would fetch at once what comes first, hold it, and leave the rest to the round after.
            self._consumer.pause(
                *(
                    partition
                    for partition in self._consumer.assignment()
                    if fetcher._select_read_replica(partition) not in waiting
                )
            )
            if not waiting or left <= 0 or _count(fetched) >= _BATCH_RECORDS:
                break
            await self._take(fetched, left * 1000)
        if self.caught_up:
            self._consumer.pause(*self._consumer.assignment())
        else:
            self._consumer.resume(*self._consumer.paused())

    async def _take(self, fetched: defaultdict[TopicPartition, list[ConsumerRecord]], timeout_ms: float) -> None:
        if (room := _BATCH_RECORDS - _count(fetched)) > 0:
            more = await self._consumer.getmany(timeout_ms=timeout_ms, max_records=room)
            for partition, records in more.items():
                fetched[partition] += records

    async def _next(
        self, partition: TopicPartition, place: int, fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]] | None
    ) -> _Read | None:
        try:
            if fetched is not None and partition not in self._out_of_range:
                messages, end = fetched.get(partition, ()), await self._consumer.position(partition)
                if end == place and not messages:
                    return _Read(place, end, None, ())
                # Behind its end a consumer begins anew somewhere else, and says nothing. And who has just got a
                # partition may have fetched of it before it was expected: no epoch was seen then.
                epoch = self._seen.leader_epoch(partition, end)
                if end > place and epoch is not None and self._nothing_missing(partition, place, end, messages):
                    return _Read(place, end, epoch, (RawRecord(m.offset, m.value) for m in messages))
            answers = await fetch_from(self._consumer, {partition: place})
            found = await self._read(partition, place, answers[partition])
            self._consumer.seek(partition, place if found is None else found.end)
        except IllegalStateError:
            return None  # revoked meanwhile; the next owner starts where this one was
        return found

    def _nothing_missing(
        self, partition: TopicPartition, place: int, end: int, messages: Sequence[ConsumerRecord]
    ) -> bool:
        markers = self._seen.markers(partition, place, end)
        return len(messages) + len(markers) == end - place and [message.offset for message in messages] == [
            offset for offset in range(place, end) if offset not in markers
        ]

    async def _read(self, partition: TopicPartition, place: int, found: Found) -> _Read | None:
        try:
            raw = found()
        except OffsetOutOfRangeError:
            self._stop = await self._why_out_of_range(partition, place) or self._stop
            return None
        except BrokenBatch as broken:
            at = broken.offset
            self._stop = self._gap(partition, at, at + 1, "a damaged batch begins there")
            return None
        self._out_of_range.pop(partition, None)
        end, records = place, list[RawRecord]()
        for batch in raw:
            if batch.start > end:
                self._stop = self._gap(partition, end, batch.start, "the log goes on behind them")
                break
            if batch.thinned:
                self._stop = self._gap(partition, end, batch.end, "compaction took records away")
                break
            end = max(end, batch.end)
            records += [record for record in batch.records if record.offset >= place]
        epoch = next((batch.leader_epoch for batch in reversed(raw) if batch.start < end), None)
        return _Read(place, end, epoch, records)

    async def _standing(
        self, read: Mapping[TopicPartition, _Read | None]
    ) -> tuple[list[tuple[TopicPartition, Batch]], Collection[TopicPartition]]:
        """The batches of what was read where all before it still stands; and of what that is not known now."""
        found = {partition: part for partition, part in read.items() if part is not None}
        unknown = await self._replaced_or_unknown(found)
        batches = []
        for partition, part in found.items():
            if partition in unknown:
                continue
            if part.epoch is not None:
                self._epochs[partition] = Epoch(part.end, part.epoch)
            if (batch := self._batch(partition, part.place, part.end, part.records)) is not None:
                batches.append((partition, batch))
        return batches, unknown

    async def _replaced_or_unknown(self, read: Mapping[TopicPartition, _Read]) -> Collection[TopicPartition]:
        """Where what was read before does not stand any more, which stops the reader, or nobody can tell now.

        A leader that lacks records which its followers had, or had a log cut off, takes new ones in their places: those
        are of a later epoch (Apache Kafka, KIP-101 and KIP-320) than what was read there; of an earlier one where
        volumes were put back that had seen fewer leaders. So where an epoch moved, the record before is asked for.
        """
        moved = {
            partition: part.place - 1
            for partition, part in read.items()
            if part.epoch is not None and self._known_epoch(partition, part.place) not in (None, part.epoch)
        }
        if not moved:
            return ()
        unknown = set(moved)
        try:
            answers = await fetch_from(self._consumer, moved, max_bytes=_CHECKED_BYTES, within_s=_LOOKED_WITHIN_S)
        except KafkaError as error:
            if not error.retriable:
                raise
            return unknown  # asked again next time
        for partition, answer in answers.items():
            try:
                held = answer()
            except (OffsetOutOfRangeError, BrokenBatch):
                unknown.discard(partition)  # deleted, or damaged, since it was read: who comes to it stops there
                continue
            except KafkaError as error:
                if not error.retriable:
                    raise
                continue
            if not held:
                continue  # no room in the answer, or nothing there: that proves nothing
            if held[0].leader_epoch == self._epochs[partition].number:
                unknown.discard(partition)
            else:
                place = read[partition].place
                self._stop = LogTruncated(*log_partition(self._kafka, partition), place, held[0].start)
        return unknown

    def _known_epoch(self, partition: TopicPartition, place: int) -> int | None:
        """That of the record before ``place``; None: nobody here has read it."""
        epoch = self._epochs.get(partition)
        return epoch.number if epoch is not None and epoch.behind == place else None

    async def _why_out_of_range(self, partition: TopicPartition, place: int) -> ReaderStopped | None:
        """None while it may pass: a leader that was left behind, or a new one that catches up, ends before the log."""
        begin = (await self._consumer.beginning_offsets([partition]))[partition]
        end = (await self._consumer.end_offsets([partition]))[partition]
        if place < begin:
            return self._gap(partition, place, begin, f"the log begins at {begin}")
        since = self._out_of_range.setdefault(partition, monotonic())
        if place > end and monotonic() - since >= _TRUNCATED_AFTER_S:
            return LogTruncated(*log_partition(self._kafka, partition), place, end)
        self._consumer._client.force_metadata_update()  # the partition may have another leader by now
        return None

    def _gap(self, partition: TopicPartition, first: int, behind: int, reason: str) -> LogGap:
        return LogGap(*log_partition(self._kafka, partition), first, behind, reason)

    def _batch(self, partition: TopicPartition, start: int, end: int, standing: Iterable[RawRecord]) -> Batch | None:
        """Everything before the first event of a newer release, which is where the reader stops then."""
        source = log_partition(self._kafka, partition)
        records: list[Record | PoisonRecord] = []
        for raw in standing:
            try:
                records.append(read_raw(source, raw))
            except UnknownEvent as unknown:
                self._stop, end = unknown, raw.offset
                break
        return Batch(source, start, end, records) if end > start else None


def _count(fetched: Mapping[TopicPartition, Sequence[ConsumerRecord]]) -> int:
    return sum(map(len, fetched.values()))


def read_raw(source: LogPartition, raw: RawRecord) -> Record | PoisonRecord:
    """Decode a record of ``source``; raises ``UnknownEvent``."""
    position = RecordPosition(*source, raw.offset)
    if raw.misplaced:
        return PoisonRecord(position, raw.value or b"", "its offset is not its place in its batch")
    return read_record(position, raw.value)


def consumer_options(kafka: KafkaSettings) -> dict[str, Any]:
    """The settings of every consumer."""
    return {
        **kafka.client_options(),
        "client_rack": kafka.client_rack,
        "enable_auto_commit": False,
        "auto_offset_reset": "earliest",
        "isolation_level": "read_committed",
        "fetch_max_wait_ms": 100,
        "max_partition_fetch_bytes": 4 * 1024 * 1024,
        "request_timeout_ms": 10_000,
    }


def log_partition(kafka: KafkaSettings, partition: TopicPartition) -> LogPartition:
    """Kafka's name of a partition as ours."""
    return LogPartition(kafka.topic_of(partition.topic), partition.partition)


def kafka_partition(kafka: KafkaSettings, partition: LogPartition) -> TopicPartition:
    """Our name of a partition as Kafka's."""
    return TopicPartition(kafka.topic_name(partition.topic), partition.partition)


async def partitions_of(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, topics: Collection[Topic]
) -> list[LogPartition]:
    """Every partition of the topics; raises ``KafkaError`` when a topic is missing."""
    # The producer has this in public (partitions_for); the consumer only knows topics it is assigned.
    metadata = consumer._client._wait_on_metadata
    return [
        LogPartition(topic, number)
        for topic in sorted(topics)
        for number in sorted(await metadata(kafka.topic_name(topic)))
    ]


async def end_offsets(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, partitions: Iterable[LogPartition]
) -> dict[LogPartition, int]:
    """The offset after the last committed record (or marker) of each partition."""
    ends = await consumer.end_offsets([kafka_partition(kafka, partition) for partition in partitions])
    return {log_partition(kafka, partition): end for partition, end in ends.items()}


def held_of(kafka: KafkaSettings, consumer: AIOKafkaConsumer) -> Collection[LogPartition]:
    """Of which partitions a started consumer has fetched records, or an error, that it has not given yet.

    It gives all that it holds of one before it comes to the next: behind a large backlog that may take minutes.
    """
    return [log_partition(kafka, partition) for partition in consumer._fetcher._records]


async def begin_offsets(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, partitions: Iterable[LogPartition]
) -> dict[LogPartition, int]:
    """The offset of the first record that each partition still has."""
    begins = await consumer.beginning_offsets([kafka_partition(kafka, partition) for partition in partitions])
    return {log_partition(kafka, partition): begin for partition, begin in begins.items()}


async def stop_consumer(consumer: AIOKafkaConsumer) -> None:
    """Stop a consumer, also while its broker is away, and leave nothing of it behind.

    aiokafka's ``stop`` may then wait for ever, or end with the cancellation of a fetch, which would look
    like a cancellation of its caller; either way its heartbeat and its reconnecting would go on.
    """
    # A stop that was cut off while it left the group has not come to the fetcher, whose tasks would fetch on.
    closes = [
        consumer.stop,
        *([consumer._fetcher.close] if consumer._fetcher is not None else []),
        consumer._client.close,
    ]
    for close in closes:
        task = asyncio.ensure_future(close())
        await asyncio.wait([task], timeout=_STOP_TIMEOUT_S)
        if task.done() and not task.cancelled():
            task.exception()  # looked at, so that asyncio doesn't report it
        else:
            task.cancel()
    for name in ("_heartbeat_task", "_commit_refresh_task"):
        left = getattr(consumer._coordinator, name, None)
        if left is not None:
            left.cancel()
