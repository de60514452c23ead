"""What happens without a command: closing on time, the encrypted tally, the result.

Every replica runs this; the election's lock lets one of them act, and the events decide.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import asyncpg
import structlog
from evote_eventlog.events import ElectionEventData
from evote_platform.clock import Clock
from evote_platform.processes import WorkerProcesses
from evote_platform.tracing import span

from . import store
from .commands import CommandHandler
from .counting import encrypted_tally
from .domain.counting import result_is_due, result_of
from .domain.election import Election, Stage
from .domain.lifecycle import close_election, closing_time_has_come
from .store import LogDisagrees

LOOK_EVERY_S = 0.25
LOOK_AGAIN_AFTER_FAULT_S = 2.0

_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class Automation:
    """The background tasks of a replica."""

    pool: asyncpg.Pool
    commands: CommandHandler
    worker: WorkerProcesses
    clock: Clock

    async def run(self) -> None:
        """Run until cancelled. Counting may take long and must not delay another election's close."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(_for_ever(self.close_due_elections))
            tasks.create_task(_for_ever(self.count_closed_elections))

    async def close_due_elections(self) -> None:
        """Close the elections whose closing time has come."""

        async def decide(election: Election, _: store.Connection) -> tuple[ElectionEventData, ...]:
            return close_election(election, "closing-time")

        async with self.pool.acquire() as connection:
            drafts = [
                (await store.load_overview(connection, election_uuid)).draft
                for election_uuid in await store.open_elections(connection)
            ]
        for draft in drafts:
            if closing_time_has_come(draft, self.clock()):
                with span("close on time", {}):
                    await self.commands.execute(draft.election_uuid, decide)
                _log.info("election closed on time", election_uuid=draft.election_uuid)

    async def count_closed_elections(self) -> None:
        """Compute what can be computed of every closed election."""
        async with self.pool.acquire() as connection:
            uncounted = await store.uncounted_elections(connection)
        for election_uuid in uncounted:
            try:
                await self._count(election_uuid)
            except LogDisagrees as error:
                # The examination raises the alarm. Another election may stand before the place.
                _log.warning("not counted", election_uuid=election_uuid, reason=str(error))

    async def _count(self, election_uuid: str) -> None:
        async with self.commands.alone(election_uuid) as connection:
            if connection is None:
                return
            election = await store.load_election(connection, election_uuid)
            if election.stage is Stage.CLOSED:
                with span("compute encrypted tally", {}):
                    tally = await encrypted_tally(connection, self.worker, election)
                    if tally is not None:
                        await self.commands.publish_alone(connection, [tally])
                        _log.info("encrypted tally computed", election_uuid=election_uuid)
            elif result_is_due(election):
                with span("compute result", {}):
                    result = await self.worker.run(result_of, election)
                    if not result:
                        _log.warning("no group of trustees gives a result: one lied, more must decrypt")
                        return
                    await self.commands.publish_alone(connection, result)
                    _log.info("result computed", election_uuid=election_uuid)


async def _for_ever(look: Callable[[], Awaitable[None]]) -> None:
    while True:
        try:
            await look()
        except Exception as error:  # a fault of one look (Kafka or PostgreSQL away) must not end them all
            _log.error("automation will look again", task=look.__name__, exc_info=error)
            await asyncio.sleep(LOOK_AGAIN_AFTER_FAULT_S)
        await asyncio.sleep(LOOK_EVERY_S)
