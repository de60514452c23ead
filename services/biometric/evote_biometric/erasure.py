"""After certification or abandonment: the election's key and templates are destroyed, and an event proves it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import asyncpg
import structlog
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import TemplateErased
from evote_eventlog.producer import EventProducer
from evote_platform.outages import DATABASE_AWAY

from .vault.elections import elections_to_erase, erase_election, mark_published, unpublished_erasures

_EVERY_S = 1.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Eraser:
    """Follows the certified elections, and those that were given up.

    Order of writes: rows and key are gone in one transaction that also notes the erasure, then the event is durable,
    then the note is marked. A crash in between publishes the event again, with the same count; readers keep the first.
    """

    pool: asyncpg.Pool
    producer: EventProducer

    async def run(self) -> None:
        """Erase until cancelled; outages are waited out."""
        while True:
            try:
                await self.erase_due()
            except (LogUnavailable, OSError, *DATABASE_AWAY) as error:
                _log.warning("erasure-waits", error=type(error).__name__)
            await asyncio.sleep(_EVERY_S)

    async def erase_due(self) -> None:
        """Erase what is certified or given up, and publish what isn't published."""
        async with self.pool.acquire() as connection:
            for election_uuid in await elections_to_erase(connection):
                await erase_election(connection, election_uuid)
            due = await unpublished_erasures(connection)
        for election_uuid, templates in due:
            await self.producer.publish(TemplateErased(election_uuid=election_uuid, templates=templates))
            async with self.pool.acquire() as connection:
                await mark_published(connection, election_uuid)
