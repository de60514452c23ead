"""Reading the log without a group: for the sequencer, for read-back and for replay."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Collection, Coroutine, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass
from time import monotonic
from typing import Literal

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from .errors import LogUnavailable
from .events import Topic
from .hearing import DEAF_AFTER_S, Hearing, told_ends
from .kafka import KafkaSettings
from .reading import (
    LogReader,
    begin_offsets,
    consumer_options,
    end_offsets,
    held_of,
    kafka_partition,
    log_partition,
    partitions_of,
    stop_consumer,
)
from .record import Batch, LogPartition, PoisonRecord, Record

Start = Mapping[LogPartition, int] | Literal["earliest"]
"""The first offset of each partition; a partition that is not named is read from its beginning."""


@dataclass(frozen=True)
class Fetch:
    """All that came at once."""

    batches: Sequence[Batch]
    came_after: float
    """Until when nothing of it had been fetched, in seconds of the monotonic clock."""


class Look:
    """Each call looks once at some partitions of the log, or at all: from where the last look at them ended."""

    def __init__(self, kafka: KafkaSettings, reader: LogReader, places: dict[TopicPartition, int]) -> None:
        self._kafka = kafka
        self._reader = reader
        self._places = places

    @property
    def missed(self) -> Collection[LogPartition]:
        """Those whose leader could not tell when they were looked at last: what they have is not known yet."""
        return [log_partition(self._kafka, partition) for partition in self._reader.missed]

    def pass_by(self, partition: LogPartition, offset: int) -> None:
        """The next look begins no sooner than at ``offset``: what stands before it is known already."""
        place = kafka_partition(self._kafka, partition)
        self._places[place] = max(self._places.get(place, 0), offset)

    async def __call__(self, at: Collection[LogPartition] | None = None) -> Sequence[Batch]:
        """What has come; of a partition that came into being since, from its beginning."""
        if at is not None:
            asked = [kafka_partition(self._kafka, partition) for partition in at]
            places = {partition: self._places.setdefault(partition, 0) for partition in asked}
        else:
            places = dict(self._places)
        found = await self._reader.look(places)
        for partition, batch in found:
            self._places[partition] = max(self._places[partition], batch.end)  # more may have been passed by meanwhile
        return [batch for _, batch in found]


_POLL_MS = 200


class EventTail:
    """All partitions of some topics. Records of a partition come in order; partitions interleave."""

    def __init__(self, kafka: KafkaSettings, topics: Collection[Topic], *, round_s: float = 0.0) -> None:
        """``topics`` must exist when reading begins.

        Args:
            round_s: for who is in no hurry: while nothing is left to fetch, the next fetch begins no sooner behind the
                beginning of one that brought something, in seconds, and brings what came meanwhile at once.
        """
        self._kafka = kafka
        self._topics = frozenset(topics)
        self._round_s = round_s

    async def end_offsets(self) -> dict[LogPartition, int]:
        """The offset after the last committed record of each partition; raises ``LogUnavailable``."""
        async with self._consumer() as (consumer, partitions):
            return await end_offsets(self._kafka, consumer, partitions)

    async def begin_offsets(self) -> dict[LogPartition, int]:
        """The offset of the first record that each partition still has; raises ``LogUnavailable``."""
        async with self._consumer() as (consumer, partitions):
            return await begin_offsets(self._kafka, consumer, partitions)

    async def read(
        self, start: Start, *, until: Mapping[LogPartition, int] | None = None
    ) -> AsyncGenerator[Record | PoisonRecord, None]:
        """Every committed record from ``start`` on, as it comes; short outages are waited out.

        Use ``contextlib.aclosing`` when you may stop early: it closes the connection.

        Args:
            start: where to begin.
            until: where to end (exclusive), such as ``end_offsets()``; without it, never.

        Raises:
            LogUnavailable: Kafka is away at the start, failed for good, or is not heard any more (:mod:`.hearing`).
            ReaderStopped: it came to an event of a newer release or to a gap; what stands before it has been given.
        """
        async with aclosing(self.batches(start, until=until)) as batches:
            async for batch in batches:
                for record in batch.records:
                    yield record

    async def batches(
        self, start: Start, *, until: Mapping[LogPartition, int] | None = None
    ) -> AsyncGenerator[Batch, None]:
        """As :meth:`read`, in batches of one partition that also say how far the reader has come."""
        async with aclosing(self.fetches(start, until=until)) as fetches:
            async for fetch in fetches:
                for batch in fetch.batches:
                    yield batch

    async def fetches(
        self, start: Start, *, until: Mapping[LogPartition, int] | None = None
    ) -> AsyncGenerator[Fetch, None]:
        """As :meth:`batches`, all that came at once together."""
        async with self._consumer() as (consumer, partitions):
            assigned = [kafka_partition(self._kafka, partition) for partition in partitions]
            consumer.assign(assigned)
            places: dict[TopicPartition, int] = {}
            for partition, assignment in zip(partitions, assigned, strict=True):
                places[assignment] = 0 if start == "earliest" else start.get(partition, 0)
                consumer.seek(assignment, places[assignment])
            reader = LogReader(self._kafka, consumer, rests=self._round_s > 0)
            hearing = Hearing(
                lambda: told_ends(self._kafka, consumer, self._topics),
                lambda: held_of(self._kafka, consumer),
                patience_s=DEAF_AFTER_S,
            )
            ended = monotonic()
            async with _beside(hearing.keep(lambda: self._as_ours(places))) as listening:
                while self._unfinished(places, until):
                    if listening.done():
                        listening.result()  # it ends by what it raises
                    began, came_after, records, fetched = monotonic(), ended, 0, list[Batch]()
                    read = await self._next(reader, places)
                    hearing.fetched()
                    ended, caught_up = monotonic(), reader.caught_up
                    for assignment, batch in read:
                        records += len(batch.records)
                        begin, places[assignment] = places[assignment], batch.end
                        limit = batch.end if until is None else min(batch.end, until.get(batch.partition, batch.end))
                        if limit > begin:
                            within = [record for record in batch.records if record.position.offset < limit]
                            fetched.append(Batch(batch.partition, begin, limit, within))
                    if fetched:
                        yield Fetch(fetched, came_after)
                    if records and caught_up:
                        await asyncio.sleep(began + self._round_s - monotonic())

    async def _next(
        self, reader: LogReader, places: Mapping[TopicPartition, int]
    ) -> list[tuple[TopicPartition, Batch]]:
        try:
            async with asyncio.timeout(DEAF_AFTER_S):
                return await reader.next_batches(places, timeout_ms=_POLL_MS)
        except TimeoutError as error:
            raise LogUnavailable("a fetch does not end") from error

    def _as_ours(self, places: Mapping[TopicPartition, int]) -> dict[LogPartition, int]:
        return {log_partition(self._kafka, partition): at for partition, at in places.items()}

    @asynccontextmanager
    async def looks(self, start: Mapping[LogPartition, int]) -> AsyncIterator[Look]:
        """For who knows when there is something to see: each call of what is given looks once, from where the last one
        ended, and sees what was acknowledged before it, some megabytes at a time. It waits for nothing.

        Raises:
            LogUnavailable: Kafka is away at the start, or failed; also of a look.
            ReaderStopped: of a look, as :meth:`read`.
        """
        async with self._consumer() as (consumer, partitions):
            for topic in self._topics:
                consumer._client.add_topic(self._kafka.topic_name(topic))  # or their leaders would be asked for once
            places = {kafka_partition(self._kafka, partition): start.get(partition, 0) for partition in partitions}
            yield Look(self._kafka, LogReader(self._kafka, consumer), places)

    def _unfinished(self, position: dict[TopicPartition, int], until: Mapping[LogPartition, int] | None) -> bool:
        if until is None:
            return True
        reached = self._as_ours(position)
        return any(reached.get(partition, end) < end for partition, end in until.items())

    @asynccontextmanager
    async def _consumer(self) -> AsyncIterator[tuple[AIOKafkaConsumer, list[LogPartition]]]:
        consumer = AIOKafkaConsumer(**consumer_options(self._kafka))
        try:
            await consumer.start()
            yield consumer, await partitions_of(self._kafka, consumer, self._topics)
        except KafkaError as error:
            raise LogUnavailable(type(error).__name__) from error
        finally:
            await stop_consumer(consumer)


@asynccontextmanager
async def _beside(work: Coroutine[None, None, None]) -> AsyncIterator[asyncio.Task[None]]:
    """``work`` goes on beside the block, and no longer."""
    task = asyncio.create_task(work)
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])
