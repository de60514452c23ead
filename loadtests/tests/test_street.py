"""The street lets people in as planned, whatever the service does, and every client process its own share of them."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from pathlib import Path
from random import Random

import pytest
from evote_loadtests.arrivals import Plan, plan_of
from evote_loadtests.client import Outcome, Share, come
from evote_loadtests.crowd import CAST, Sample
from evote_loadtests.progress import Progress
from evote_loadtests.street import Street, let_in
from hypothesis import given
from hypothesis import strategies as st
from locust.env import Environment

CROWD = 20


class HeldUp:
    """A crowd of whom nobody is served before all have come."""

    def __init__(self) -> None:
        self.everybody = asyncio.Barrier(CROWD)
        self.order: list[int] = []

    async def visit(self, number: int, planned: float) -> None:
        self.order.append(number)
        await self.everybody.wait()

    async def junk(self) -> None:
        await self.visit(-1, 0)


async def test_an_answer_that_does_not_come_keeps_nobody_from_coming() -> None:
    # A closed loop would wait for the first to be served, and never come to the twentieth.
    crowd = HeldUp()
    visits = dict(enumerate([0.0] * 10 + [0.01] * 9))
    await come(Plan(visits, junk=[0.02], phases=[]), crowd.visit, crowd.junk, time.perf_counter())
    assert sorted(crowd.order) == [-1, *range(19)]


@given(st.integers(1, 60), st.floats(0, 1), st.integers(1, 5), st.integers())
def test_each_arrival_is_one_clients_and_a_voters_two_are_the_same_ones(
    voters: int, again: float, workers: int, seed: int
) -> None:
    plan = plan_of("junk", voters, again, 10, Random(seed))
    shares = [plan.share(number, workers, voters) for number in range(workers)]
    assert sorted(at for share in shares for at in share.junk) == plan.junk
    dealt = [(number, at) for share in shares for number, at in share.visits.items()]
    assert dict(dealt) == plan.visits
    assert len(dealt) == len(plan.visits)
    for share in shares:
        theirs = {number % voters for number in share.visits}
        assert not any(number % voters in theirs for other in shares if other is not share for number in other.visits)


def test_a_client_process_that_cannot_prepare_ends_the_run_with_its_reason(tmp_path: Path) -> None:
    outcome = Outcome()
    share = Share(tmp_path, Plan({}, [], []), beforehand=False, rush=False, clients=1)
    given = {
        "shares": [share],
        "samples": [],
        "outcome": outcome,
        "progress": Progress([], 1, print),
        "abstract": False,
    }
    let_in(Environment(user_classes=[type("Voters", (Street,), given)]))
    assert outcome.started == 0
    assert [fault.split(":")[0] for fault in outcome.faults] == ["TargetUnreadable"]


def test_progress_says_what_was_seen_since_its_last_line() -> None:
    said: list[str] = []
    progress = Progress(plan_of("constant", 3, 0, 60, Random(1)).phases, 10, said.append)
    for seconds in (0.1, 0.2):
        progress.take(Sample(CAST, seconds))
    progress.look(10)
    progress.take(Sample(CAST, 0.3, "refused"))
    progress.look(15)  # too early for another line
    progress.look(20)
    assert len(said) == 2
    assert "2 receipts; since the last line 2" in said[0]
    assert "since the last line 0, no receipt, 0 refused, 1 failed" in said[1]


@pytest.mark.parametrize("goals", [[], ["--goals", "short"]])
def test_a_folder_that_is_no_target_is_named_with_status_2(goals: list[str], tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(tmp_path), *goals]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path) in done.stderr
    assert "loadtests/README.md" in done.stderr
