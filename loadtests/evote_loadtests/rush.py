"""People of whom each does one thing: fetch a credential, or post a ballot that was made beforehand.

What is measured so is the services': one attempt is one request, whatever it is answered. Who is told to come again
does, as the voting page does it: after as long as Retry-After says, which the service itself spreads.
"""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import dataclass, field
from http import HTTPStatus
from random import Random
from typing import Final

import aiohttp
from evote_belenios.ballots import tracker_of
from evote_local.people.target import Target
from evote_local.people.voters import Cast, PollingDay, Posted, Sealed, Voter, VoterRefused, encrypt, open_client

from .crowd import ANCHORED, CAST, LOGGED, LOGGED_WITHIN_S, RELEASE, VISIT, WITNESSED, Kept, Sample, choose

REFUSED: Final = "POST of the ballot to its 503"
"""Told to come again, and when."""
UNANSWERED: Final = "POST of the ballot, no answer"
DUE: Final = "planned moment to the receipt"
"""Of the attempt that got it: planned for the arrival, or, of who was told to come again, for when they were to. What
the client itself was late is in it, and in none of ``POST`` (coordinated omission)."""
GAVE_UP: Final = "arrival to giving up"
ATTEMPTS: Final = 20
"""So often somebody posts a ballot before they give up; the page never does, and a run has to end."""
_FIRST_BACKOFF_S, _LONGEST_BACKOFF_S = 2.0, 30.0
"""Without any answer the waits double: web/resident/vote/casting.ts."""
_FOLLOWED: Final = 100
"""One ballot of so many is followed until it is anchored: who asks for a status costs the services too."""
_JSON: Final = {"Content-Type": "application/json"}
_ANSWERS_WITHIN_S: Final = 30
_AT_ONCE: Final = 200
"""So many ballots are encrypted in one go."""


@dataclass
class Rush:
    """The first visits are those of ``voters``, who fetch a credential; the others post what is sealed for them."""

    polls: PollingDay
    voters: Sequence[Voter]
    sealed: Mapping[int, Sealed]
    """By the visit's number."""
    session: aiohttp.ClientSession
    """It keeps no connection: each ballot has one of its own, as each voter has."""
    tell: Callable[[Sample], None]
    kept: list[Kept] = field(default_factory=list)
    _casts: dict[str, Cast] = field(default_factory=dict)
    _followed: set[asyncio.Task[None]] = field(default_factory=set)

    async def visit(self, number: int, planned: float) -> None:
        try:
            if number < len(self.voters):
                await self._fetch(self.voters[number])
                self.tell(Sample(VISIT, time.perf_counter() - planned))
            else:
                await self._vote(number, planned)
        except Exception as fault:  # whatever went wrong is a figure of the report, and the others come all the same
            self.tell(Sample.of_fault(VISIT, time.perf_counter() - planned, fault))

    async def missing(self) -> list[Kept]:
        await asyncio.gather(*self._followed)
        async with open_client() as client:
            lost = await self.polls.missing(self._casts, client, within_s=LOGGED_WITHIN_S)
        return [kept for kept in self.kept if kept.tracker in lost]

    async def _fetch(self, voter: Voter) -> None:
        started = time.perf_counter()
        async with open_client() as client:
            await self.polls.obtain_credential(voter, client)
        self.tell(Sample(RELEASE, time.perf_counter() - started))

    async def _vote(self, number: int, planned: float) -> None:
        """The same bytes until there is a receipt, or for :data:`ATTEMPTS` times."""
        sealed, backoff_s, due = self.sealed[number], _FIRST_BACKOFF_S, planned
        posted = Posted(number, sealed.choice, tracker_of(sealed.ballot))
        self.polls.posted.append(posted)
        for attempt in range(1, ATTEMPTS + 1):
            started = time.perf_counter()
            try:
                answer = await self._try(sealed, posted)
            except (aiohttp.ClientError, TimeoutError):
                self.polls.measured.refused(None)
                self.tell(Sample(UNANSWERED, time.perf_counter() - started))
                wait_s, backoff_s = backoff_s, min(backoff_s * 2, _LONGEST_BACKOFF_S)
            else:
                answered = time.perf_counter()
                answered_s = answered - started
                if isinstance(answer, dict):
                    await self._keep(number, sealed, answer, started, answered_s, attempt)
                    self.tell(Sample(DUE, answered - due, attempt=attempt))
                    self.tell(Sample(VISIT, time.perf_counter() - planned, attempt=attempt))
                    return
                self.tell(Sample(REFUSED, answered_s))
                wait_s, backoff_s = answer, _FIRST_BACKOFF_S
            if attempt < ATTEMPTS:
                due = time.perf_counter() + wait_s
                await asyncio.sleep(wait_s)
        self.tell(Sample(GAVE_UP, time.perf_counter() - planned))

    async def _keep(
        self,
        number: int,
        sealed: Sealed,
        receipt: dict[str, object],
        started: float,
        answered_s: float,
        attempt: int,
    ) -> None:
        cast = await self.polls.keep(sealed, receipt, started, answered_s)
        self.kept.append(Kept(number, cast.choice, cast.receipt))
        self._casts[cast.tracker] = cast
        self.tell(Sample(CAST, cast.answered_s, attempt=attempt))
        if number % _FOLLOWED == 0:
            following = asyncio.create_task(self._follow(cast))
            self._followed.add(following)
            following.add_done_callback(self._followed.discard)

    async def _try(self, sealed: Sealed, posted: Posted) -> dict[str, object] | float:
        """One request: the receipt; or, of a 503 that says when to come again, in how many seconds."""
        posted.sent(sealed.order.number)
        async with self.session.post(self.polls.any_box(), data=sealed.body.encode(), headers=_JSON) as answer:
            text = await answer.text()
        posted.answered(answer.status, text)
        if answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR:
            self.polls.measured.refused(answer.status)
        if answer.status == HTTPStatus.SERVICE_UNAVAILABLE and "Retry-After" in answer.headers:
            return float(answer.headers["Retry-After"])
        if not answer.ok:
            raise VoterRefused(answer.status, text)
        receipt: dict[str, object] = json.loads(text)
        return receipt

    async def _follow(self, cast: Cast) -> None:
        try:
            async with open_client() as client:
                await self.polls.wait_until_logged(cast, client)
                self.tell(Sample(LOGGED, time.perf_counter() - cast.sent_at))
                await self.polls.wait_until_witnessed(cast, client)
                self.tell(Sample(WITNESSED, time.perf_counter() - cast.sent_at))
                await self.polls.wait_until_anchored(cast, client)
                self.tell(Sample(ANCHORED, time.perf_counter() - cast.sent_at))
        except Exception as fault:  # a figure of the report
            self.tell(Sample.of_fault(ANCHORED, time.perf_counter() - cast.sent_at, fault))


def open_session() -> aiohttp.ClientSession:
    """For a rush's ballots: a request costs a fifth of what ``httpx`` takes, which isn't the services' doing."""
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=0, force_close=True),
        timeout=aiohttp.ClientTimeout(total=_ANSWERS_WITHIN_S),
    )


async def seal(
    polls: PollingDay, target: Target, credentials: Mapping[int, str], executor: Executor, random: Random
) -> Mapping[int, Sealed]:
    """A ballot for each credential, by the same number."""
    loop, numbers = asyncio.get_running_loop(), list(credentials)
    wanted = {number: choose(target, random) for number in numbers}
    sealed: dict[int, Sealed] = {}

    async def some(batch: Sequence[int]) -> None:
        asked = [(credentials[number], wanted[number][1]) for number in batch]
        ballots = await loop.run_in_executor(executor, _encrypt_all, polls.election.json, asked)
        for number, ballot in zip(batch, ballots, strict=True):
            sealed[number] = polls.seal(credentials[number], wanted[number][0], ballot)

    await asyncio.gather(*(some(numbers[at : at + _AT_ONCE]) for at in range(0, len(numbers), _AT_ONCE)))
    return sealed


def _encrypt_all(election_json: str, asked: Sequence[tuple[str, list[list[int]]]]) -> list[str]:
    """Runs in a worker process."""
    return [encrypt(election_json, credential, choices) for credential, choices in asked]
