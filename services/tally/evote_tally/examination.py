"""Which logged ballots are acceptable: found out once for each, in the log's order, while the election goes on.

Whoever has got hold of a ballot replica can have anything logged that a voter signs for. What is not acceptable
(:mod:`evote_belenios.box`) is passed over in archive and count, and stops neither. What can't be, stops: a log entry
that the tables show otherwise, or that the log's own rule (:mod:`evote_belenios.admission`) keeps out.

The verdicts follow from the log alone, so a replay finds the same ones. One replica at a time examines an election; it
works in a process of its own, a few ballots at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass, field
from functools import lru_cache

import asyncpg
import structlog
from evote_belenios.admission import Admissions, ExaminedCast, examine_casts
from evote_belenios.ballots import digest_of
from evote_belenios.box import BallotBox, BallotFacts, box_of, examine_ballot
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import BeleniosError
from evote_eventlog.projection import TRANSIENT
from evote_platform.health import NotReady
from evote_platform.processes import WorkerProcesses

from . import store
from .metrics import CountingMetrics
from .store import LogDisagrees, LoggedCast, Verdict

BALLOTS_AT_ONCE = 64
"""What comes between two looks at 64 ballots a second; a twentieth of a second of the worker."""
_LOOK_EVERY_S = 1.0
_LOOK_AGAIN_AFTER_FAULT_S = 2.0

_log = structlog.get_logger(__name__)


@dataclass
class _Box:
    """What an election's examined ballots leave for the next one."""

    election_json: str
    box: BallotBox
    admissions: Admissions = field(default_factory=Admissions)
    examined_to: int = -1
    """The log index of the last one."""


class Examination:
    """Examines the logged ballots of every opened election."""

    def __init__(self, pool: asyncpg.Pool, worker: WorkerProcesses, metrics: CountingMetrics) -> None:
        self._pool = pool
        self._worker = worker
        self._metrics = metrics
        self._boxes: dict[str, _Box] = {}
        self._done_to: dict[str, tuple[int, int]] = {}
        """Of each election: the log's end, and how far the table was examined, when there was nothing left to do."""
        self._compared_to = 0
        self._trouble: LogDisagrees | None = None

    async def run(self) -> None:
        """Examine whatever comes, until cancelled; a disagreement is looked at again, and never got over by itself."""
        while True:
            try:
                examined = await self.step()
                self._note(None)
            except LogDisagrees as disagreement:
                examined = 0
                self._note(disagreement)
                await asyncio.sleep(_LOOK_AGAIN_AFTER_FAULT_S)
            except (BrokenProcessPool, *TRANSIENT) as error:
                examined = 0
                _log.warning("examination-retries", error=type(error).__name__)
                self._metrics.unknown()
                await asyncio.sleep(_LOOK_AGAIN_AFTER_FAULT_S)
            if examined < BALLOTS_AT_ONCE:  # what has come meanwhile is examined together
                await asyncio.sleep(_LOOK_EVERY_S)

    async def finish(self, step: Callable[[int], object]) -> None:
        """Examine all that the tables have now; ``step`` hears how many ballots were done. For a replay.

        Raises ``LogDisagrees``.
        """
        while examined := await self.step():
            step(examined)

    async def check(self) -> None:
        """For readiness: the tables show what the log has."""
        if self._trouble is not None:
            raise NotReady(str(self._trouble))

    async def step(self) -> int:
        """A few ballots of each election; how many there were. Raises ``LogDisagrees``."""
        async with self._pool.acquire() as connection:
            end = await store.log_end(connection)
            await store.demand_agreement(connection, min(self._compared_to, end), end)
            self._compared_to = end
            # The table is asked each time: a replay makes it anew, in one transaction, and leaves the log's end.
            elections = {
                uuid: (end, await store.examined_to(connection, uuid))
                for uuid in await store.opened_elections(connection)
            }
        return sum([await self._examine(uuid, end) for uuid in elections if self._done_to.get(uuid) != elections[uuid]])

    async def _examine(self, election_uuid: str, end: int) -> int:
        async with self._pool.acquire() as connection, connection.transaction():
            if not await store.lock_examination(connection, election_uuid):
                return 0
            # Once it is changed it must be stored: a box whose transaction failed is made again from the table.
            box = self._boxes.pop(election_uuid, None)
            examined_to = await store.examined_to(connection, election_uuid)
            if box is None or box.examined_to != examined_to:
                box = await self._restore(connection, election_uuid)
            if box is None:
                return 0
            casts = await store.casts_to_examine(connection, election_uuid, examined_to, end, BALLOTS_AT_ONCE)
            if casts:
                found = await self._worker.run(_examine_all, box.election_json, [cast.ballot for cast in casts])
                examined = await asyncio.to_thread(examine_casts, casts)
                verdicts = [_judge(box, *one) for one in zip(casts, examined, found, strict=True)]
                await store.store_verdicts(connection, election_uuid, verdicts)
        self._boxes[election_uuid] = box
        if casts:
            self._show(election_uuid, verdicts)
        if len(casts) < BALLOTS_AT_ONCE:
            self._done_to[election_uuid] = (end, box.examined_to)
        return len(casts)

    async def _restore(self, connection: store.Connection, election_uuid: str) -> _Box | None:
        """The box of the ballots examined before; None while the list of credentials isn't projected."""
        election = await store.load_election(connection, election_uuid)
        opened = election.opened
        credentials = await store.frozen_credentials(connection, election_uuid, opened.credentials_sha256)
        if credentials is None:
            return None
        box = _Box(opened.election_json, box_of(parse_election(opened.election_json), credentials))
        async for earlier in store.examined_ballots(connection, election_uuid):
            box.examined_to = earlier.log_index
            box.admissions.digests.add(digest_of(earlier.tracker))
            box.admissions.last_numbers.put(earlier.credential, earlier.number)
            if earlier.ciphertexts is not None:
                box.box.restore(earlier.tracker, earlier.ciphertexts)
        return box

    def _show(self, election_uuid: str, verdicts: Sequence[Verdict]) -> None:
        for verdict in verdicts:
            if verdict.passed_over is not None:
                self._metrics.passed_over.labels(verdict.passed_over).inc()
                _log.warning(
                    "a logged ballot is passed over",
                    election_uuid=election_uuid,
                    log_index=verdict.log_index,
                    rule=verdict.passed_over,
                )

    def _note(self, disagreement: LogDisagrees | None) -> None:
        if disagreement is not None and str(disagreement) != str(self._trouble):
            _log.error("the tables do not show the log", log_index=disagreement.log_index, reason=disagreement.reason)
        self._trouble = disagreement
        self._metrics.log_disagrees.set(disagreement is not None)


def _judge(box: _Box, cast: LoggedCast, examined: ExaminedCast, found: BallotFacts | BeleniosError) -> Verdict:
    """The verdict on the next ballot of the log; raises ``LogDisagrees`` for one that should not be there."""
    try:
        # The sequencer has asked where the box was closed; an index that is behind that is not this rule's.
        box.admissions.admit(examined, box_closed=False)
    except BeleniosError as error:
        raise LogDisagrees(cast.log_index, f"the log's rule keeps this ballot out: {error.detail}") from None
    box.examined_to = cast.log_index
    try:
        if isinstance(found, BeleniosError):
            raise found
        box.box.add(found)
    except BeleniosError as error:
        return Verdict(cast.log_index, None, error.rule)
    return Verdict(cast.log_index, found.digests, None)


def _examine_all(election_json: str, texts: Sequence[str]) -> list[BallotFacts | BeleniosError]:
    """Runs in the worker process."""
    election = _election(election_json)
    return [_examined(election, text) for text in texts]


@lru_cache(maxsize=8)
def _election(election_json: str) -> Election:
    """The election with its tables, made once."""
    return parse_election(election_json)


def _examined(election: Election, text: str) -> BallotFacts | BeleniosError:
    try:
        return examine_ballot(election, text)
    except BeleniosError as error:
        return error
