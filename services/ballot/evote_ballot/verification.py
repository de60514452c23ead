"""The protocol's arithmetic, in processes of its own: the event loop only waits."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from functools import lru_cache

from evote_belenios.ballots import (
    Ballot,
    parse_ballot,
    verify_election_binding,
    verify_proofs,
    verify_signature,
)
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import BeleniosError
from evote_platform.processes import process_pool

from .domain.refusals import BadProof, BadSignature, InvalidBallot, Overloaded

_QUEUE_PER_WORKER = 50
_RETRY_AFTER_S = 2.0


class BallotVerifier:
    """A bounded pool of worker processes; ``Overloaded`` when too many ballots wait."""

    def __init__(self, workers: int) -> None:
        self._workers = workers
        self._pool = process_pool(workers)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many checks wait or run."""
        return self._waiting

    async def check_signature(self, election_json: str, text: str) -> None:
        """Schema, encodings and signature; raises ``InvalidBallot`` or ``BadSignature``."""
        await self._run(_check_signature, election_json, text)

    async def check_proofs(self, election_json: str, text: str) -> None:
        """The proofs of validity; raises ``BadProof``."""
        await self._run(_check_proofs, election_json, text)

    async def check_alive(self) -> None:
        """For readiness: a worker answers."""
        await asyncio.get_running_loop().run_in_executor(self._pool, _nothing)

    def close(self) -> None:
        """Stop the workers; what they work on is abandoned."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _run(self, function: Callable[[str, str], None], election_json: str, text: str) -> None:
        if self._waiting >= self._workers * _QUEUE_PER_WORKER:
            raise Overloaded(_RETRY_AFTER_S)
        pool = self._pool
        self._waiting += 1
        try:
            await asyncio.get_running_loop().run_in_executor(pool, function, election_json, text)
        except BrokenProcessPool:
            # A worker died, perhaps by the kernel for memory. The voter is told to come back.
            if pool is self._pool:
                self._pool = process_pool(self._workers)
            raise Overloaded(_RETRY_AFTER_S) from None
        finally:
            self._waiting -= 1


def _check_signature(election_json: str, text: str) -> None:
    try:
        ballot = _parsed(election_json, text)
        verify_election_binding(_election(election_json), ballot)
    except BeleniosError as error:
        raise InvalidBallot(error.rule, error.section, error.detail) from None
    try:
        verify_signature(_election(election_json), ballot)
    except BeleniosError as error:
        raise BadSignature(error.rule, error.section, error.detail) from None


def _check_proofs(election_json: str, text: str) -> None:
    try:
        verify_proofs(_election(election_json), _parsed(election_json, text))
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


def _nothing() -> None:
    return
