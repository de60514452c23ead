"""What a crowd does before and when it comes, and what it says of ballots that the log doesn't show."""

from __future__ import annotations

from collections.abc import Coroutine, Iterator
from random import Random
from typing import Any

import pytest
from evote_loadtests import crowd
from evote_loadtests.crowd import Crowd, Kept
from evote_local.people.target import Target
from evote_local.people.voters import Cast, Voter

KEPT = Kept(0, "賛成", {"tracker": "kept"})


class Casting:
    tracker = "kept"


class Voting:
    number = 0
    casts = (Casting(),)


class Log:
    """Shows a ballot as late as it is told."""

    def __init__(self, answers: Iterator[bool]) -> None:
        self.answers = answers

    async def shows(self, *_: object) -> bool:
        return next(self.answers)


class Booth:
    """Gives out credentials, encrypts and casts without any service, and keeps what it was asked."""

    def __init__(self) -> None:
        self.done: list[str] = []

    async def obtain_credential(self, voter: Voter, _client: object) -> None:
        self.done.append("release")
        voter.credential = "credential"

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
    await gathered.prepare()
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


async def test_a_ballot_that_the_log_gets_a_moment_after_its_receipt_is_not_missing() -> None:
    assert await crowd_at(Log(iter([False, True]))).missing() == []


async def test_a_ballot_that_the_log_never_gets_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(crowd, "_LOGGED_WITHIN_S", 0.0)
    assert await crowd_at(Log(iter([False] * 3))).missing() == [KEPT]
