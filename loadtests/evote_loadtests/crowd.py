"""What the voters of a load test do: look, authenticate, cast, cast again, and look whether the log has it."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from concurrent.futures import Executor
from dataclasses import asdict, dataclass, field
from random import Random
from typing import Final

import httpx
from evote_local.people.target import Target
from evote_local.people.voters import Cast, PollingDay, Voter, open_client

LOOK, RELEASE, CAST, LOGGED, ANCHORED, BOARD, TURNOUT, JUNK, VISIT = (
    "look at the election",
    "card to credential",
    "POST of the ballot to its receipt",
    "cast to logged",
    "cast to anchored",
    "board",
    "turnout",
    "junk",
    "arrival to receipt",
)
_FOLLOWED: Final = 10
"""One visit of so many is followed until its ballot is anchored, and reads the board and the turnout."""
_PREPARING: Final = 8
"""So many voters are prepared at a time."""
_LOGGED_WITHIN_S, _LOOK_AGAIN_S = 60.0, 0.5
_REFUSED_JUNK: Final = frozenset({400, 413, 422, 429, 503})
"""What a flood may be answered."""


@dataclass(frozen=True)
class Sample:
    """One thing that somebody waited for."""

    name: str
    seconds: float
    fault: Exception | None = None


@dataclass(frozen=True)
class Kept:
    """A ballot that somebody has a receipt for."""

    voter: int
    choice: str
    receipt: Mapping[str, object]

    @property
    def tracker(self) -> str:
        return str(self.receipt["tracker"])


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

    async def prepare(self) -> None:
        """Give everybody credential and first ballot beforehand, so that a visit shows what a cast costs the services.

        Raises what the services refuse: who isn't let in now won't be later.
        """
        together = asyncio.Semaphore(_PREPARING)

        async def one(voter: Voter) -> None:
            async with together, open_client() as client:
                await self.polls.obtain_credential(voter, client)
                choice, choices = self._choose()
                self._at_hand[voter.number] = choice, await self.polls.encrypt(voter, choices)

        async with asyncio.TaskGroup() as everybody:
            for voter in self.voters:
                everybody.create_task(one(voter))

    async def visit(self, number: int, planned: float) -> None:
        """The ``number``-th visit, planned for that moment of ``time.perf_counter``; it never raises.

        A voter's second visit waits for the end of the first, or it would not be the later ballot.
        """
        voter = self.voters[number % len(self.voters)]
        async with self._busy.setdefault(voter.number, asyncio.Lock()), open_client() as client:
            try:
                cast = await self._vote(voter, client)
                self.tell(Sample(VISIT, time.perf_counter() - planned))
                if number % _FOLLOWED == 0:
                    await self._follow(cast, client)
            except Exception as fault:  # whatever went wrong is a figure of the report, and the others vote on
                self.tell(Sample(VISIT, time.perf_counter() - planned, fault))

    async def junk(self) -> None:
        """A body that is no ballot, from whoever; it never raises."""
        url = f"{self.random.choice(self.target.ballot_urls)}/elections/{self.target.election}/ballots"
        started = time.perf_counter()
        fault: Exception | None = None
        try:
            async with open_client() as client:
                answer = await client.post(url, content=secrets.token_bytes(2000))
            if answer.status_code not in _REFUSED_JUNK:
                fault = AssertionError(f"junk was answered {answer.status_code}")
        except httpx.HTTPError as error:
            fault = error
        self.tell(Sample(JUNK, time.perf_counter() - started, fault))

    async def missing(self) -> list[Kept]:
        """The acknowledged ballots that the public log doesn't get, each looked for by its receipt alone.

        A receipt comes before the log has the ballot: there is a minute for all of them.
        """
        casts = {cast.tracker: (cast, voter) for voter in self.voters for cast in voter.casts}
        missing, gives_up_at = list(self.kept), time.monotonic() + _LOGGED_WITHIN_S
        async with open_client() as client:
            while True:
                missing = [kept for kept in missing if not await self.polls.shows(*casts[kept.tracker], client)]
                if not missing or time.monotonic() > gives_up_at:
                    return missing
                await asyncio.sleep(_LOOK_AGAIN_S)

    async def _vote(self, voter: Voter, client: httpx.AsyncClient) -> Cast:
        await self._timed(LOOK, client.get(f"{self.target.tally_url}/elections/{self.target.election}"))
        if voter.credential is None:
            await self._timed(RELEASE, self.polls.obtain_credential(voter, client))
        at_hand = self._at_hand.pop(voter.number, None)
        if at_hand is None:
            choice, choices = self._choose()
            at_hand = choice, await self.polls.encrypt(voter, choices)
        choice, ballot = at_hand
        cast = await self.polls.cast_ballot(voter, choice, ballot, client)
        self.kept.append(Kept(voter.number, choice, cast.receipt))
        self.tell(Sample(CAST, cast.answered_s))
        return cast

    def _choose(self) -> tuple[str, list[list[int]]]:
        choice = self.random.choices(list(self.target.choices), self.target.weights)[0]
        return choice, [list(question) for question in self.target.choices[choice]]

    async def _follow(self, cast: Cast, client: httpx.AsyncClient) -> None:
        await self.polls.wait_until_logged(cast, client)
        self.tell(Sample(LOGGED, time.perf_counter() - cast.sent_at))
        of_ballots = f"{self.target.ballot_urls[0]}/elections/{self.target.election}"
        await self._timed(BOARD, client.get(f"{of_ballots}/ballots"))
        await self._timed(TURNOUT, client.get(f"{of_ballots}/turnout"))
        await self.polls.wait_until_anchored(cast, client)
        self.tell(Sample(ANCHORED, time.perf_counter() - cast.sent_at))

    async def _timed(self, name: str, waiting: Awaitable[object]) -> None:
        started = time.perf_counter()
        answer = await waiting
        if isinstance(answer, httpx.Response):
            answer.raise_for_status()
        self.tell(Sample(name, time.perf_counter() - started))


async def gather(target: Target, voters: Sequence[Voter], executor: Executor, tell: Callable[[Sample], None]) -> Crowd:
    """A crowd that may vote; ``executor`` encrypts, which is the voters' own work.

    Raises ``httpx.HTTPError`` when the election's text can't be had.
    """
    async with open_client() as client:
        text = await client.get(f"{target.tally_url}/elections/{target.election}/election.json")
    random = Random()  # noqa: S311 - simulated people, no secrets
    polls = PollingDay(
        election_json=text.raise_for_status().text,
        auth_url=target.auth_url,
        ballot_urls=target.ballot_urls,
        log=target.log(),
        executor=executor,
        random=random,
    )
    return Crowd(target, polls, voters, random, tell)


def write_kept(kept: Sequence[Kept]) -> str:
    """One ballot a line, in the order of their receipts: what the count is held against."""
    return "".join(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in kept)
