"""What a crowd does before and when it comes, and what it says of ballots that the log doesn't show."""

from __future__ import annotations

from collections.abc import Coroutine, Mapping
from random import Random
from typing import Any

import httpx
import pytest
from evote_loadtests.crowd import Crowd, Kept, Sample
from evote_local.people.target import Target
from evote_local.people.voters import Cast, Voter, VoterRefused

KEPT = Kept(0, "賛成", {"tracker": "kept"})


class Casting:
    tracker = "kept"


class Voting:
    number = 0
    casts = (Casting(),)


class Log:
    """Lacks what it is told to lack."""

    def __init__(self, lacks: list[str]) -> None:
        self.lacks = lacks

    async def missing(self, casts: Mapping[str, object], _client: object, *, within_s: float) -> list[str]:
        assert within_s >= 60, "a receipt comes before the log has the ballot"
        return [tracker for tracker in casts if tracker in self.lacks]


class Booth:
    """Gives out credentials, encrypts and casts without any service, and keeps what it was asked."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def obtain_credential(self, voter: Voter, _client: object) -> None:
        self.done.append("release")
        voter.credential = "credential"

    async def read(self, _url: str, _client: object) -> None:
        """Pages that are looked at: nothing that this test is about."""

    async def encrypt(self, _voter: Voter, _choices: object) -> str:
        self.done.append("encrypt")
        return f"ballot {self.done.count('encrypt')}"

    async def cast_ballot(self, voter: Voter, choice: str, ballot: str, _client: object) -> Cast:
        self.done.append(f"cast {ballot}")
        order: Any = None
        return Cast(ballot, choice, {"tracker": ballot}, 0.0, 0.0, ballot, order)


async def test_who_is_prepared_only_casts_and_comes_again_with_a_ballot_of_that_moment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    booth = Booth()
    polls: Any = booth
    no_card: Any = None
    target = Target("uuid", "http://tally", "http://auth", ["http://ballot"], "http://log", "key", {"賛成": [[1]]}, [1])
    gathered = Crowd(target, polls, [Voter(0, no_card)], Random(1), lambda _sample: None)

    async def looked(*given: object) -> None:
        for one in given:
            if isinstance(one, Coroutine):
                one.close()

    monkeypatch.setattr(gathered, "_timed", looked)
    monkeypatch.setattr(gathered, "_follow", looked)
    await gathered.prepare([0])
    assert booth.done == ["release", "encrypt"]
    for number in range(2):
        await gathered.visit(number, 0.0)
    assert booth.done == ["release", "encrypt", "cast ballot 1", "encrypt", "cast ballot 2"]
    assert [kept.tracker for kept in gathered.kept] == ["ballot 1", "ballot 2"]


def crowd_at(log: Log) -> Crowd:
    anything: Any = None
    polls: Any = log
    voters: Any = [Voting()]
    return Crowd(anything, polls, voters, anything, anything, [KEPT])


async def test_what_the_log_does_not_get_is_missing_by_its_voters_receipt() -> None:
    assert await crowd_at(Log(["kept"])).missing() == [KEPT]
    assert await crowd_at(Log([])).missing() == []


@pytest.mark.parametrize(
    "fault, unserved",
    [
        (VoterRefused(500, "{}"), True),
        (VoterRefused(409, "{}"), False),
        (httpx.ConnectError("nobody listens"), True),
        (TimeoutError("no answer after 60 attempts"), True),
        (ValueError("the receipt's signature does not hold"), False),
    ],
)
def test_a_lie_is_never_taken_for_a_service_that_could_not_serve(fault: Exception, unserved: bool) -> None:
    assert Sample.of_fault("visit", 1.0, fault).unserved is unserved
