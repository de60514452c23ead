"""What a crowd says of ballots that the log doesn't show."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from evote_loadtests import crowd
from evote_loadtests.crowd import Crowd, Kept

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
