"""The protocol's arithmetic, beside the event loop, which only waits.

Threads are enough where the compiled core does the work, for it needs no lock of Python's while it does. Processes do
it otherwise.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures.process import BrokenProcessPool
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from queue import Empty, SimpleQueue
from threading import Thread
from typing import Any, Final, NoReturn, Protocol, TypeAlias, TypeVar

from evote_belenios import native
from evote_belenios.admission import verify_order_of
from evote_belenios.election import Election, parse_election
from evote_belenios.errors import BeleniosError
from evote_belenios.inspection import inspect_ballot
from evote_eventlog.events import BallotAccepted
from evote_platform.processes import WorkerProcesses

from .domain.refusals import BadProof, BadSignature, InvalidBallot, InvalidOrder, Overloaded

Checked = TypeVar("Checked")

_RETRY_AFTER_S = 2.0
_QUICK_CHARACTERS: Final = 4096
"""Of a ballot's text: one of four choices, which the compiled core verifies in little more than half a millisecond; a
question to the tables takes half of that, of PostgreSQL and of us."""


@dataclass(frozen=True)
class Examined:
    """What a cast shows by itself."""

    digests: tuple[str, ...]
    """Of its ciphertexts; none unless the credential signed it."""
    refusal: InvalidBallot | BadSignature | InvalidOrder | BadProof | None

    @property
    def is_signed(self) -> bool:
        """Whether the credential signed ballot and order, whatever they prove."""
        return self.refusal is None or isinstance(self.refusal, BadProof)


class _Workers(Protocol):
    """Who works: threads or processes."""

    async def run(self, function: Callable[..., Checked], *arguments: object) -> Checked: ...

    async def check(self) -> None: ...

    async def keep(self) -> NoReturn: ...

    def close(self) -> None: ...


class BallotVerifier:
    """Workers; as many ballots wait for them as come through the door."""

    def __init__(self, workers: int) -> None:
        self._workers: _Workers = WorkerProcesses(workers) if native.core is None else _WorkerThreads(workers)
        self._waiting = 0

    @property
    def waiting(self) -> int:
        """How many checks wait or run."""
        return self._waiting

    def is_quick(self, election_json: str, cast: BallotAccepted) -> bool:
        """Whether all the arithmetic of a cast costs about as little as to ask the tables about it."""
        return _election(election_json).compiled is not None and len(cast.ballot) <= _QUICK_CHARACTERS

    async def check(self, election_json: str, cast: BallotAccepted) -> Examined:
        """Schema, encodings, that the credential signed ballot and order, and the proofs of validity."""
        self._waiting += 1
        try:
            return await self._workers.run(_check, election_json, cast)
        except BrokenProcessPool:
            raise Overloaded(_RETRY_AFTER_S) from None  # the voter is told to come back
        finally:
            self._waiting -= 1

    async def check_alive(self) -> None:
        """For readiness: a process answers. A thread can't die: that ballots wait for threads makes nobody unready."""
        await self._workers.check()

    async def keep(self) -> NoReturn:
        """Replace workers that died, until cancelled."""
        await self._workers.keep()

    def close(self) -> None:
        """Stop the workers; what waits for them is abandoned."""
        self._workers.close()


_Work: TypeAlias = tuple[asyncio.AbstractEventLoop, asyncio.Future[Any], Callable[..., object], tuple[object, ...]]


class _WorkerThreads:
    """Threads in which the compiled core works.

    A queue and no more: a ``ThreadPoolExecutor`` makes a future of its own for each ballot, with lock and condition,
    and chains it to the loop's, by which the way there and back takes twice as long.
    """

    def __init__(self, workers: int) -> None:
        self._work: SimpleQueue[_Work | None] = SimpleQueue()
        self._threads = [Thread(target=self._run, name=f"verification_{n}", daemon=True) for n in range(workers)]
        for thread in self._threads:
            thread.start()

    async def run(self, function: Callable[..., Checked], *arguments: object) -> Checked:
        loop = asyncio.get_running_loop()
        done: asyncio.Future[Checked] = loop.create_future()
        self._work.put((loop, done, function, arguments))
        return await done

    async def check(self) -> None:
        return

    async def keep(self) -> NoReturn:
        while True:
            await asyncio.get_running_loop().create_future()  # until cancelled: there is nothing to replace

    def close(self) -> None:
        # A thread that works is done within milliseconds, and holds nothing that has to be given back.
        with suppress(Empty):
            while (waiting := self._work.get_nowait()) is not None:
                loop, done, *_ = waiting
                loop.call_soon_threadsafe(done.cancel)
        for _ in self._threads:
            self._work.put(None)

    def _run(self) -> None:
        while (work := self._work.get()) is not None:
            loop, done, function, arguments = work
            if done.cancelled():
                continue  # its voter has gone
            outcome: object = None
            failure: BaseException | None = None
            try:
                outcome = function(*arguments)
            except BaseException as error:  # whatever it was is the caller's to hear
                failure = error
            with suppress(RuntimeError):  # the loop is closed: nobody waits any more
                loop.call_soon_threadsafe(_settle, done, outcome, failure)
            del work, done, arguments, outcome, failure  # nothing of a ballot is kept until the next one


def _settle(done: asyncio.Future[Any], outcome: object, failure: BaseException | None) -> None:
    if done.done():
        return  # cancelled meanwhile
    if failure is not None:
        done.set_exception(failure)
    else:
        done.set_result(outcome)


def _check(election_json: str, cast: BallotAccepted) -> Examined:
    try:
        inspection = inspect_ballot(_election(election_json), cast.ballot)
        inspection.verify_binding()
    except BeleniosError as error:
        return Examined((), InvalidBallot(error.rule, error.section, error.detail))
    try:
        inspection.verify_signature()
    except BeleniosError as error:
        return Examined((), BadSignature(error.rule, error.section, error.detail))
    try:
        verify_order_of(cast)
    except BeleniosError as error:
        return Examined((), InvalidOrder(error.rule, error.section, error.detail))
    try:
        inspection.verify_proofs()
    except BeleniosError as error:
        return Examined(inspection.ciphertext_digests, BadProof(error.rule, error.section, error.detail))
    return Examined(inspection.ciphertext_digests, None)


@lru_cache(maxsize=8)
def _election(election_json: str) -> Election:
    """The election with its tables, made once."""
    return parse_election(election_json)
