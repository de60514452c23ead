"""Running a projection: a group consumer whose offsets live in PostgreSQL, beside what it projects."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Final, TypeAlias, cast

import asyncpg
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from .batches import BrokenBatch, fetch_from
from .dead_letters import publish_dead_letter
from .errors import ApplyFailed, LogUnavailable, OffsetMovedBack
from .events import Topic
from .hearing import ANSWERS_WITHIN_S, Hearing, told_ends
from .kafka import KafkaSettings
from .metrics import ProjectionMetrics
from .offsets import stored_offsets
from .producer import EventProducer
from .projection import OUTAGES, TRANSIENT, Applied, BatchApplier, Projection
from .reading import (
    Epoch,
    LogReader,
    consumer_options,
    held_of,
    log_partition,
    stop_consumer,
)
from .record import Batch, LogPartition

TOLERATED_LAG = 1000
"""How many records a projection that had caught up may be behind and still count as caught up."""

_POLL_MS = 250
ROUND_S: Final = 0.1
UNHURRIED_S: Final = 0.5
"""A round as often as the log's checkpoints come: what must be known at once is known otherwise, or ends the rest."""
LEISURELY_S: Final = 1.0
"""A round where what is waited for ends it (``awaited``), and the rest may come with that or a second later."""
_ASKED_AGAIN_S: Final = 0.5
"""How long a leader is asked for what is awaited: until it answers, it answers nothing else on that connection, such as
how long the log is, nor shows what another one has told already."""
_TOGETHER: Final = 500
"""How many records may share a transaction, whatever partitions they are of."""
_FIRST_RETRY_S, _LAST_RETRY_S = 0.1, 5.0
_RECONNECT_S = 1.0
_FETCH_WITHIN_S = 15.0

_log = structlog.get_logger(__name__)


_Fetched: TypeAlias = tuple[TopicPartition, Batch]


@dataclass(eq=False)
class _Place:
    """Where one tenure of a partition stands. A seek or a new assignment makes another one."""

    offset: int


class ProjectionRunner:
    """Applies every event of a projection's topics exactly once, with any number of replicas.

    Kafka's group only shares the partitions out. The truth is ``consumer_offsets``: it changes in the
    transaction that applies the events, and an assignment starts from it.
    """

    def __init__(
        self,
        kafka: KafkaSettings,
        pool: asyncpg.Pool,
        projection: Projection,
        producer: EventProducer,
        metrics: ProjectionMetrics,
        *,
        round_s: float = ROUND_S,
        awaited: Collection[Topic] = (),
        on_applied: Callable[[Collection[str]], None] = lambda _: None,
    ) -> None:
        """``producer`` writes the dead letters; ``pool`` reaches the schema with ``consumer_offsets``.

        Args:
            round_s: while nothing is left to fetch, a round begins no sooner behind the beginning of one that brought
                something, in seconds: what comes meanwhile shares a fetch and a transaction.
            awaited: what comes of these topics is waited for, and ends the rest between two rounds.
            on_applied: hears of which CloudEvents types this replica has applied events, once the tables show them.
        """
        self._kafka = kafka
        self._pool = pool
        self._projection = projection
        self._metrics = metrics
        self._round_s = round_s
        self._awaited = frozenset(awaited)
        self._on_applied = on_applied
        self._applier = BatchApplier(
            pool, projection, lambda poison: publish_dead_letter(producer, projection.name, poison)
        )
        self._consumer: AIOKafkaConsumer | None = None
        self._places: dict[TopicPartition, _Place] = {}
        self._assignment_failure: Exception | None = None
        self._target: dict[LogPartition, int] | None = None
        self._stuck = False
        self._epochs: dict[TopicPartition, Epoch] = {}
        """Outlive a consumer: a leader's fall may end it."""

    async def run(self) -> None:
        """Project until cancelled; outages of Kafka and of the database are waited out.

        Whatever else stops the applying of a record (a bug, a database that isn't as it should be) is said aloud and
        tried again: the record stays where it is.

        Raises:
            ReaderStopped: at an event of a newer release, or where the log lost records. This replica has left the
                group then, so that one of a newer release goes on.
        """
        while True:
            try:
                await self._consume()
            except (KafkaError, *TRANSIENT) as error:
                _log.warning("projection-interrupted", projection=self._projection.name, error=repr(error))
                self._metrics.lag.clear()  # what can't be looked at must not stand there as if it were seen
            await asyncio.sleep(_RECONNECT_S)

    async def lag(self) -> int:
        """How many offsets of all partitions no replica has applied yet.

        Raises:
            LogUnavailable: Kafka or the database did not say.
        """
        ends, stored = await self.ends(), await self._stored()
        return sum(max(0, end - stored.get(partition, 0)) for partition, end in ends.items())

    async def ends(self) -> dict[LogPartition, int]:
        """Where the log ends that the tables are made of.

        Raises:
            LogUnavailable: Kafka did not say.
        """
        if self._consumer is None:
            raise LogUnavailable("the projection is not connected")
        return await told_ends(self._kafka, self._consumer, self._projection.topics)

    async def caught_up(self) -> bool:
        """Whether the tables show the log as it was at the start, and are close to it as it is now.

        The truth for ``/statusz``: false also when Kafka or the database doesn't answer.
        """
        try:
            stored = await self._stored()
            lag = await self.lag()
        except LogUnavailable:
            return False
        if self._target is None or self._stuck:
            return False
        reached = all(stored.get(partition, 0) >= end for partition, end in self._target.items())
        return reached and lag <= TOLERATED_LAG

    async def _consume(self) -> None:
        """One life of a Kafka consumer: until an error, or an assignment that could not be read."""
        self._places.clear()
        self._show_assigned()
        self._assignment_failure = None
        consumer = AIOKafkaConsumer(
            **consumer_options(self._kafka),
            group_id=f"{self._kafka.topic_prefix}{self._projection.name}",
            session_timeout_ms=6000,
            heartbeat_interval_ms=1500,
        )
        consumer.subscribe(
            [self._kafka.topic_name(topic) for topic in self._projection.topics],
            listener=_Listener(self, consumer),
        )
        try:
            await consumer.start()
            self._consumer = consumer
            if self._target is None:
                self._target = await self.ends()
            reader = LogReader(self._kafka, consumer, self._epochs, rests=True)
            hearing = Hearing(self.ends, lambda: held_of(self._kafka, consumer))
            while self._assignment_failure is None:
                began = monotonic()
                records = await self._poll(consumer, reader)
                hearing.fetched()
                if await hearing.check(self._standing):
                    await self._go_back_with_the_tables(consumer)
                if records and reader.caught_up:
                    await self._rest(consumer, began + self._round_s - monotonic())
            raise self._assignment_failure
        finally:
            self._consumer = None
            await stop_consumer(consumer)

    async def _rest(self, consumer: AIOKafkaConsumer, seconds: float) -> None:
        """Let more come together, unless something comes that is awaited: its leader answers then, and not before."""
        until = monotonic() + seconds
        places = {
            partition: place.offset
            for partition, place in self._places.items()
            if self._of(partition).topic in self._awaited
        }
        while places and (left := until - monotonic()) > 0:
            wait_s = min(left, _ASKED_AGAIN_S)
            wait_ms, within_s = int(wait_s * 1000), wait_s + ANSWERS_WITHIN_S
            try:
                answers = await fetch_from(consumer, places, max_bytes=1, wait_ms=wait_ms, within_s=within_s)
            except KafkaError:
                break  # the next round says what is wrong
            for partition, answer in answers.items():
                try:
                    if answer():
                        return
                except BrokenBatch:
                    return
                except KafkaError:
                    places.pop(partition, None)  # as above; the others are awaited all the same
        await asyncio.sleep(until - monotonic())

    async def _poll(self, consumer: AIOKafkaConsumer, reader: LogReader) -> int:
        """Apply what has come; how many records there were."""
        # All places of a fetch are taken down before any of it is applied: a rebalance while the first batch is
        # applied must not mix with the second.
        places = dict(self._places)
        async with asyncio.timeout(_FETCH_WITHIN_S):
            batches = await reader.next_batches(
                {partition: place.offset for partition, place in places.items()}, timeout_ms=_POLL_MS
            )
        records = sum(len(batch.records) for _, batch in batches)
        if not batches or records > _TOGETHER or not await self._apply_together(places, batches):
            for partition, batch in batches:
                await self._apply(consumer, partition, places[partition], batch)
        self._show_lag(consumer)
        return records

    def _standing(self) -> dict[LogPartition, int]:
        return {self._of(partition): place.offset for partition, place in self._places.items()}

    async def _go_back_with_the_tables(self, consumer: AIOKafkaConsumer) -> None:
        """A crash of the database may have taken the last commits: the log has them, but may have nothing new.

        Without this the last event of a partition would be missing until the next one comes, and the sequencer waits
        for the tables before it writes one.
        """
        places = dict(self._places)
        try:
            stored = await self._stored()
        except LogUnavailable:
            return  # looked at again when the database is back
        for partition, place in places.items():
            next_offset = stored.get(self._of(partition), 0)
            if next_offset < place.offset and self._places.get(partition) is place:
                self._move_back(consumer, partition, next_offset)

    def _move_back(self, consumer: AIOKafkaConsumer, partition: TopicPartition, next_offset: int) -> None:
        _log.warning("projection-moved-back", projection=self._projection.name, to=next_offset)
        self._seek(consumer, partition, next_offset)

    async def _apply_together(self, places: Mapping[TopicPartition, _Place], batches: Sequence[_Fetched]) -> bool:
        """Apply all of a fetch in one transaction; whether that was possible."""
        if any(self._places.get(partition) is not places[partition] for partition, _ in batches):
            return False
        applied = await self._applier.apply_together([batch for _, batch in batches])
        if applied is None:
            return False
        for (partition, batch), done in zip(batches, applied, strict=True):
            places[partition].offset = batch.end
            self._count(done)
        self._show_stuck(None)
        return True

    async def _apply(self, consumer: AIOKafkaConsumer, partition: TopicPartition, place: _Place, batch: Batch) -> None:
        """Apply a batch, however long the database takes to come back, while the partition is ours."""
        delay = _FIRST_RETRY_S
        while self._places.get(partition) is place:
            try:
                applied = await self._applier.apply(batch)
            except OffsetMovedBack as moved:
                self._move_back(consumer, partition, moved.next_offset)
            except OUTAGES as error:
                _log.warning("projection-retries", projection=self._projection.name, error=repr(error))
                self._metrics.lag.clear()
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
            except ApplyFailed as failed:
                self._show_stuck(failed)
                await asyncio.sleep(delay)
                delay = min(delay * 2, _LAST_RETRY_S)
            else:
                place.offset = batch.end
                self._count(applied)
                self._show_stuck(None)
                return
        self._show_stuck(None)  # another replica has the partition now, and says how it fares

    def _show_stuck(self, failed: ApplyFailed | None) -> None:
        self._stuck = failed is not None
        self._metrics.stuck.labels(self._projection.name).set(int(self._stuck))
        if failed is not None:
            _log.error(
                "projection-stuck",
                projection=self._projection.name,
                position=failed.place,
                type=failed.type_name,
                exc_info=failed,
            )

    async def _assigned(self, consumer: AIOKafkaConsumer, assigned: Iterable[TopicPartition]) -> None:
        """Start each partition from the database; aiokafka would swallow an exception here."""
        try:
            stored = await self._stored()
        except LogUnavailable as error:
            self._assignment_failure = error
            return
        for partition in assigned:
            self._seek(consumer, partition, stored.get(self._of(partition), 0))
        self._metrics.rebalances.labels(self._projection.name).inc()
        self._show_assigned()

    def _revoked(self, revoked: Iterable[TopicPartition]) -> None:
        for partition in revoked:
            self._places.pop(partition, None)
        self._show_assigned()

    def _show_assigned(self) -> None:
        self._metrics.assigned.labels(self._projection.name).set(len(self._places))

    def _seek(self, consumer: AIOKafkaConsumer, partition: TopicPartition, offset: int) -> None:
        if partition in consumer.assignment():
            consumer.seek(partition, offset)
            self._places[partition] = _Place(offset)

    async def _stored(self) -> dict[LogPartition, int]:
        try:
            async with asyncio.timeout(ANSWERS_WITHIN_S), self._pool.acquire() as connection:
                return await stored_offsets(cast(asyncpg.Connection, connection), self._projection.name)
        except TRANSIENT as error:
            raise LogUnavailable(f"the database did not answer: {type(error).__name__}") from error

    def _of(self, partition: TopicPartition) -> LogPartition:
        return log_partition(self._kafka, partition)

    def _count(self, applied: Applied) -> None:
        name = self._projection.name
        for event_type, count in applied.events.items():
            self._metrics.applied.labels(name, event_type).inc(count)
        self._metrics.dead_letters.labels(name).inc(applied.poison)
        self._metrics.applied_now(name)
        self._on_applied(applied.events)

    def _show_lag(self, consumer: AIOKafkaConsumer) -> None:
        lag = {topic.value: 0 for topic in self._projection.topics}
        for partition, place in self._places.items():
            if partition in consumer.assignment():
                end = consumer.last_stable_offset(partition)
                lag[self._of(partition).topic.value] += max(0, (end or 0) - place.offset)
        for topic, behind in lag.items():
            self._metrics.lag.labels(self._projection.name, topic).set(behind)


class _Listener(ConsumerRebalanceListener):  # type: ignore[misc]  # aiokafka ships no types
    def __init__(self, runner: ProjectionRunner, consumer: AIOKafkaConsumer) -> None:
        self._runner = runner
        self._consumer = consumer

    async def on_partitions_revoked(self, revoked: set[TopicPartition]) -> None:
        self._runner._revoked(revoked)

    async def on_partitions_assigned(self, assigned: set[TopicPartition]) -> None:
        await self._runner._assigned(self._consumer, assigned)
