"""The street lets people in as planned, whatever the service does."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from pathlib import Path

from evote_loadtests.street import Plan, come

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
    await come(Plan(visits=[0.0] * 10 + [0.01] * 9, junk=[0.02]), crowd)
    assert sorted(crowd.order) == [-1, *range(19)]


def test_a_folder_that_is_no_target_is_named_with_status_2(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (2, "")
    assert str(tmp_path) in done.stderr
    assert "loadtests/README.md" in done.stderr
