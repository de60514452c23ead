"""The protocol's arithmetic, in processes of its own: the event loop only waits."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache
from typing import NoReturn, TypeVar

from evote_belenios.admission import read_order
from evote_belenios.ballots import (
    Ballot,
    parse_ballot,
    verify_election_binding,
    verify_proofs,
    verify_signature,
)
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import BeleniosError
from evote_belenios.order import verify_order
from evote_eventlog.events import BallotAccepted
from evote_platform.processes import WorkerProcesses

from .domain.refusals import BadProof, BadSignature, InvalidBallot, InvalidOrder, Overloaded

Checked = TypeVar("Checked")

_QUEUE_PER_WORKER = 50
_RETRY_AFTER_S = 2.0


class BallotVerifier:
    """A bounded pool of worker processes; ``Overloaded`` when too many ballots wait."""

    def __init__(self, workers: int) -> None:
        self._most_waiting = workers * _QUEUE_PER_WORKER
        self._processes = WorkerProcesses(workers)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many checks wait or run."""
        return self._waiting

    async def check_signatures(self, election_json: str, cast: BallotAccepted) -> tuple[str, ...]:
        """Schema, encodings, and that the credential signed ballot and order; gives the ciphertexts' digests.

        Raises ``InvalidBallot``, ``BadSignature`` or ``InvalidOrder``.
        """
        return await self._run(_check_signatures, election_json, cast)

    async def check_proofs(self, election_json: str, cast: BallotAccepted) -> None:
        """The proofs of validity; raises ``BadProof``."""
        await self._run(_check_proofs, election_json, cast)

    async def check_alive(self) -> None:
        """For readiness: a worker answers."""
        await self._processes.check()

    async def keep(self) -> NoReturn:
        """Replace workers that died, until cancelled."""
        await self._processes.keep()

    def close(self) -> None:
        """Stop the workers; what they work on is abandoned."""
        self._processes.close()

    async def _run(
        self, function: Callable[[str, BallotAccepted], Checked], election_json: str, cast: BallotAccepted
    ) -> Checked:
        if self._waiting >= self._most_waiting:
            raise Overloaded(_RETRY_AFTER_S)
        self._waiting += 1
        try:
            return await self._processes.run(function, election_json, cast)
        except BrokenProcessPool:
            raise Overloaded(_RETRY_AFTER_S) from None  # the voter is told to come back
        finally:
            self._waiting -= 1


def _check_signatures(election_json: str, cast: BallotAccepted) -> tuple[str, ...]:
    election = _election(election_json)
    try:
        ballot = _parsed(election_json, cast.ballot)
        verify_election_binding(election, ballot)
    except BeleniosError as error:
        raise InvalidBallot(error.rule, error.section, error.detail) from None
    try:
        verify_signature(election, ballot)
    except BeleniosError as error:
        raise BadSignature(error.rule, error.section, error.detail) from None
    try:
        verify_order(
            read_order(cast), election_uuid=cast.election_uuid, tracker=cast.tracker, credential=cast.credential
        )
    except BeleniosError as error:
        raise InvalidOrder(error.rule, error.section, error.detail) from None
    return ballot.ciphertext_digests


def _check_proofs(election_json: str, cast: BallotAccepted) -> None:
    try:
        verify_proofs(_election(election_json), _parsed(election_json, cast.ballot))
    except BeleniosError as error:
        raise BadProof(error.rule, error.section, error.detail) from None


@lru_cache(maxsize=8)
def _election(election_json: str) -> Election:
    """The election with its tables, made once in each worker."""
    return parse_election(election_json)


@lru_cache(maxsize=64)
def _parsed(election_json: str, text: str) -> Ballot:
    """Parsed once for both checks, when one worker gets both."""
    return parse_ballot(_election(election_json), text)
