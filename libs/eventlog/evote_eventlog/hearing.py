"""Whether a reader that waits still hears of the log: one rule for projections and tails.

After an outage of a broker aiokafka's consumer may poll on without ever reaching it again, and says nothing. Where
nothing was published meanwhile it looks like one that has caught up. So Kafka is asked now and then where the log ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping
from dataclasses import dataclass
from time import monotonic
from typing import Final, NoReturn

import structlog
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaError

from .errors import LogUnavailable
from .events import Topic
from .kafka import KafkaSettings
from .reading import end_offsets, partitions_of
from .record import LogPartition

ANSWERS_WITHIN_S: Final = 3.0
ASKED_EVERY_S: Final = 5.0
DEAF_AFTER_S: Final = 20.0
"""How long a partition may stand still before its end: longer than Kafka takes to give it another leader (nine seconds,
until a broker that died counts as gone)."""
_FETCHES: Final = 20
"""And how many fetches must have brought nothing of it: who was kept from fetching is not deaf."""

_log = structlog.get_logger(__name__)


async def told_ends(
    kafka: KafkaSettings, consumer: AIOKafkaConsumer, topics: Collection[Topic]
) -> dict[LogPartition, int]:
    """Where the log ends, as Kafka tells this consumer; raises ``LogUnavailable``, also when it takes too long."""
    try:
        async with asyncio.timeout(ANSWERS_WITHIN_S):
            return await end_offsets(kafka, consumer, await partitions_of(kafka, consumer, topics))
    except (KafkaError, TimeoutError) as error:
        raise LogUnavailable(type(error).__name__) from error


@dataclass(frozen=True)
class _Standing:
    """Since when, and since which fetch, a partition's next record is there and has not come."""

    place: int
    since: float
    fetches: int


class Hearing:
    """What one consumer is asked now and then."""

    def __init__(
        self,
        ends: Callable[[], Awaitable[Mapping[LogPartition, int]]],
        held: Callable[[], Collection[LogPartition]],
        *,
        patience_s: float = 0,
    ) -> None:
        """``ends`` asks by the consumer itself, and raises ``LogUnavailable``.

        Args:
            held: of what the consumer holds records that it has not given yet (:func:`.reading.held_of`).
            patience_s: for how long Kafka may not answer.
        """
        self._ends = ends
        self._held = held
        self._patience_s = patience_s
        self._asked_at = self._answered_at = monotonic()
        self._fetches = 0
        self._standing: dict[LogPartition, _Standing] = {}

    def fetched(self) -> None:
        """The consumer was given time for a fetch, and what it brought is in the places."""
        self._fetches += 1

    async def check(self, places: Callable[[], Mapping[LogPartition, int]]) -> bool:
        """Ask, if it is time to; whether Kafka was asked and answered.

        Args:
            places: the next offset of each partition that is read.

        Raises:
            LogUnavailable: Kafka does not answer, or the consumer is deaf: another one is needed.
        """
        if monotonic() - self._asked_at < ASKED_EVERY_S:
            return False
        try:
            ends = await self._ends()
        except LogUnavailable:
            if monotonic() - self._answered_at >= self._patience_s:
                raise
            return False
        finally:
            self._asked_at = monotonic()
        self._answered_at = self._asked_at
        self._compare(places(), ends)
        return True

    async def keep(self, places: Callable[[], Mapping[LogPartition, int]]) -> NoReturn:
        """Check for ever, beside the reading: a broker that doesn't answer keeps nobody from what the others have."""
        while True:
            await self.check(places)
            await asyncio.sleep(ASKED_EVERY_S)

    def _compare(self, places: Mapping[LogPartition, int], ends: Mapping[LogPartition, int]) -> None:
        now, before, held = monotonic(), self._standing, self._held()
        self._standing = {}
        for partition, place in places.items():
            if place >= ends.get(partition, 0) or partition in held:
                continue
            standing = before.get(partition)
            if standing is None or standing.place != place:
                standing = _Standing(place, now, self._fetches)
            self._standing[partition] = standing
            if now - standing.since >= DEAF_AFTER_S and self._fetches - standing.fetches >= _FETCHES:
                _log.warning("reader-deaf", topic=partition.topic.value, partition=partition.partition, place=place)
                raise LogUnavailable(f"nothing is heard of {partition.topic.value}-{partition.partition}")
