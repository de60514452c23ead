"""Closing the box: once tally has closed an election, its marker is written to every partition."""

from __future__ import annotations

import asyncio

import asyncpg
import structlog
from evote_eventlog.events import BallotBoxClosed, Topic
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import TRANSIENT
from evote_platform.tracing import span

from . import store

_EVERY_S = 0.5
_PROJECTED_WITHIN_S = 5.0
_log = structlog.get_logger(__name__)


class BoxCloser:
    """Any replica may close a box; a lock keeps them from doing it at once, and doing it twice is harmless."""

    def __init__(self, pool: asyncpg.Pool, producer: EventProducer) -> None:
        self._pool = pool
        self._producer = producer

    async def run(self) -> None:
        """Look for boxes to close, for ever. A crash in between leaves partitions that the next round marks."""
        while True:
            try:
                await self._close_boxes()
            except TRANSIENT as error:
                _log.warning("box-closing-retries", error=type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def _close_boxes(self) -> None:
        async with self._pool.acquire() as connection:
            if not await connection.fetchval("SELECT EXISTS (SELECT FROM closed_elections)"):
                return
            partitions = await self._producer.partition_count(Topic.BALLOTS)
            async with connection.transaction():
                if not await connection.fetchval("SELECT pg_try_advisory_xact_lock(hashtext('evote-ballot-closing'))"):
                    return
                for election_uuid, missing in await store.unmarked_elections(connection, partitions):
                    with span("close ballot box", {}):
                        await self._write_markers(connection, election_uuid, missing, partitions)

    async def _write_markers(
        self, connection: store.Connection, election_uuid: str, missing: list[int], partitions: int
    ) -> None:
        for partition in missing:
            marker = BallotBoxClosed(election_uuid=election_uuid, partition=partition, partitions=partitions)
            # A crash here leaves partitions without a marker, which the next round writes. A marker that was written
            # twice changes nothing: the first one closes the partition.
            await self._producer.publish(marker, partition=partition)
        async with asyncio.timeout(_PROJECTED_WITHIN_S):
            # Holding the lock until they are projected, so that the next round doesn't write them again.
            for partition in missing:
                # Whichever replica projects the partition: only the database knows.
                while await store.find_marker(connection, election_uuid, partition) is None:  # noqa: ASYNC110
                    await asyncio.sleep(0.05)
