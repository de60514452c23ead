"""What the voters of a load test do: look, authenticate, cast, cast again, and look whether the log has it."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Awaitable, Callable, Coroutine, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from http import HTTPStatus
from random import Random
from typing import Any, Final, Protocol

import httpx
from evote_local.people.face import FaceWay
from evote_local.people.target import Target
from evote_local.people.voters import Cast, PollingDay, Posted, Voter, VoterRefused, open_client

LOOK, RELEASE, BY_PHONE, BY_FACE, JUDGED, CAST, LOGGED, WITNESSED, ANCHORED, BOARD, TURNOUT, VISIT = (
    "look at the election",
    "card to credential",
    "phone to credential",
    "code and face to credential",
    "pictures to verdict",
    "POST of the ballot to its receipt",
    "cast to logged",
    "cast to witnessed",
    "cast to anchored",
    "board",
    "turnout",
    "arrival to receipt",
)
WAYS: Final = (RELEASE, BY_PHONE, BY_FACE)
"""The ways in, each to a credential. By face the time before the camera is in it; what the services take for the
pictures is in :data:`JUDGED`."""
_FOLLOWED: Final = 10
"""One visit of so many is followed until its ballot is anchored, and reads the board and the turnout."""
_PREPARING: Final = 8
"""So many voters are prepared at a time."""
LOGGED_WITHIN_S: Final = 60.0


@dataclass(frozen=True)
class Sample:
    """One thing that somebody waited for."""

    name: str
    seconds: float
    fault: str | None = None
    """What went wrong."""
    unserved: bool = False
    """It went wrong because no service could serve it: an answer from 500 on, or none."""
    at: float = field(default_factory=time.perf_counter)
    """When it had come, or gone wrong."""
    attempt: int = 0
    """Of a ballot that got its receipt: at which attempt."""

    @classmethod
    def of_fault(cls, name: str, seconds: float, fault: Exception) -> Sample:
        """What was waited for in vain."""
        refused = isinstance(fault, VoterRefused) and fault.status >= HTTPStatus.INTERNAL_SERVER_ERROR
        unserved = refused or isinstance(fault, TimeoutError | httpx.TransportError)
        return cls(name, seconds, f"{type(fault).__name__}: {fault}", unserved)


@dataclass(frozen=True)
class Kept:
    """A ballot that somebody has a receipt for."""

    voter: int
    choice: str
    receipt: Mapping[str, object]

    @property
    def tracker(self) -> str:
        return str(self.receipt["tracker"])


class Comers(Protocol):
    """Who comes, and what is left of it; everything runs in one event loop."""

    kept: list[Kept]
    polls: PollingDay

    def visit(self, number: int, planned: float, /) -> Coroutine[Any, Any, None]:
        """The ``number``-th visit, planned for that moment of ``time.perf_counter``; it never raises."""

    async def missing(self) -> list[Kept]:
        """The acknowledged ballots that the public log doesn't get, each looked for by its receipt alone."""


@dataclass
class Crowd:
    """The voters, and what they saw; everything runs in one event loop."""

    target: Target
    polls: PollingDay
    voters: Sequence[Voter]
    random: Random
    tell: Callable[[Sample], None]
    kept: list[Kept] = field(default_factory=list)
    _at_hand: dict[int, tuple[str, str]] = field(default_factory=dict)
    """What voters have chosen and encrypted before they come, by their numbers."""
    _busy: dict[int, asyncio.Lock] = field(default_factory=dict)

    async def prepare(self, numbers: Sequence[int]) -> None:
        """Give these voters credential and first ballot beforehand: a visit shows what a cast costs the services.

        Raises what the services refuse: who isn't let in now won't be later.
        """
        together = asyncio.Semaphore(_PREPARING)

        async def one(voter: Voter) -> None:
            async with together, open_client() as client:
                await self.polls.obtain_credential(voter, client)
                choice, choices = self._choose()
                self._at_hand[voter.number] = choice, await self.polls.encrypt(voter, choices)

        async with asyncio.TaskGroup() as everybody:
            for number in numbers:
                everybody.create_task(one(self.voters[number]))

    async def visit(self, number: int, planned: float) -> None:
        """A voter's second visit waits for the end of the first, or it would not be the later ballot."""
        voter = self.voters[number % len(self.voters)]
        async with self._busy.setdefault(voter.number, asyncio.Lock()), open_client() as client:
            try:
                cast = await self._vote(voter, client)
                self.tell(Sample(VISIT, time.perf_counter() - planned, attempt=cast.attempts))
                if number % _FOLLOWED == 0:
                    await self._follow(cast, client)
            except Exception as fault:  # whatever went wrong is a figure of the report, and the others vote on
                self.tell(Sample.of_fault(VISIT, time.perf_counter() - planned, fault))

    async def missing(self) -> list[Kept]:
        """A receipt comes before the log has the ballot: there is a minute for all of them."""
        casts = {cast.tracker: cast for voter in self.voters for cast in voter.casts}
        async with open_client() as client:
            lost = await self.polls.missing(casts, client, within_s=LOGGED_WITHIN_S)
        return [kept for kept in self.kept if kept.tracker in lost]

    async def _vote(self, voter: Voter, client: httpx.AsyncClient) -> Cast:
        at_hand = self._at_hand.pop(voter.number, None)
        if at_hand is None:
            await self._timed(
                LOOK, self.polls.read(f"{self.target.tally_url}/elections/{self.target.election}", client)
            )
            if voter.credential is None:
                await self._timed(_way_of(voter), self.polls.obtain_credential(voter, client))
                if voter.judged_s is not None:
                    self.tell(Sample(JUDGED, voter.judged_s))
            choice, choices = self._choose()
            at_hand = choice, await self.polls.encrypt(voter, choices)
        choice, ballot = at_hand
        cast = await self.polls.cast_ballot(voter, choice, ballot, client)
        self.kept.append(Kept(voter.number, choice, cast.receipt))
        self.tell(Sample(CAST, cast.answered_s, attempt=cast.attempts))
        return cast

    def _choose(self) -> tuple[str, list[list[int]]]:
        return choose(self.target, self.random)

    async def _follow(self, cast: Cast, client: httpx.AsyncClient) -> None:
        await self.polls.wait_until_logged(cast, client)
        self.tell(Sample(LOGGED, time.perf_counter() - cast.sent_at))
        of_ballots = f"{self.target.ballot_urls[0]}/elections/{self.target.election}"
        await self._timed(BOARD, self.polls.read(f"{of_ballots}/ballots", client))
        await self._timed(TURNOUT, self.polls.read(f"{of_ballots}/turnout", client))
        await self.polls.wait_until_witnessed(cast, client)
        self.tell(Sample(WITNESSED, time.perf_counter() - cast.sent_at))
        await self.polls.wait_until_anchored(cast, client)
        self.tell(Sample(ANCHORED, time.perf_counter() - cast.sent_at))

    async def _timed(self, name: str, waiting: Awaitable[object]) -> None:
        started = time.perf_counter()
        await waiting
        self.tell(Sample(name, time.perf_counter() - started))


def _way_of(voter: Voter) -> str:
    if voter.code is not None:
        return BY_FACE
    return RELEASE if voter.by_phone is None else BY_PHONE


def choose(target: Target, random: Random) -> tuple[str, list[list[int]]]:
    """What somebody wants: in words, and as the device encrypts it."""
    choice = random.choices(list(target.choices), target.weights)[0]
    return choice, [list(question) for question in target.choices[choice]]


async def open_polls(target: Target, executor: Executor, random: Random, face: FaceWay | None) -> PollingDay:
    """What every voter's device knows of the election; ``executor`` encrypts, which is the voters' own work.

    ``face`` is for those who come by code and face.

    Raises ``httpx.HTTPError`` when the election's text can't be had.
    """
    async with open_client() as client:
        text = await client.get(f"{target.tally_url}/elections/{target.election}/election.json")
    return PollingDay(
        election_json=text.raise_for_status().text,
        auth_url=target.auth_url,
        ballot_urls=target.ballot_urls,
        log=target.log(),
        executor=executor,
        random=random,
        face=face,
    )


def write_lines(ballots: Sequence[Kept] | Sequence[Posted]) -> str:
    """One ballot a line: those with a receipt, or all that were posted, which archive and count are held against."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in ballots)
