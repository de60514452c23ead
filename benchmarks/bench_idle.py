"""What the platform costs in processor time: while nobody comes, and for each release of a credential.

``make bench-idle [SECONDS=60] [RELEASES=200]`` starts what ``make up`` starts, with an open referendum, lets it stand,
and then lets voters with emulated cards in, some at once. The voters are this process, whose time isn't counted.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from evote_jpki.authority import TestAuthority
from evote_local.nodes.processes import uses_of_children
from evote_local.people.observed import is_the_citys
from evote_local.people.voters import PollingDay, Voter, open_client
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.taken import taken_by
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from tqdm import tqdm

from benchmarks.performance import Row
from benchmarks.tables import Table, tell

_SETTLE_S = 15
"""After the opening: what anchors and witnesses still do of it is not what idling costs."""
_AT_ONCE = 4


def _used() -> Mapping[str, float]:
    return {use.name: use.cpu_s for use in uses_of_children()}


@dataclass(frozen=True)
class Spell:
    """Processor time of each program within a while, in seconds."""

    seconds: float
    used: Mapping[str, float]


class Meter:
    """Counts from when it is made."""

    def __init__(self) -> None:
        self._at, self._before = time.monotonic(), _used()

    def read(self) -> Spell:
        now = _used()
        used = {program: spent - self._before.get(program, 0.0) for program, spent in now.items()}
        return Spell(time.monotonic() - self._at, used)


async def measure(stack: Stack, directory: Path, seconds: int, releases: int) -> tuple[Spell, Spell]:
    """A while in which nobody comes, and one with so many releases."""
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=releases, seed=1)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        stack.open_front()
        stack.open_board()
        with ThreadPoolExecutor(1) as executor:
            polls = await referendum.open_polls(executor)
            await asyncio.sleep(_SETTLE_S)
            meter = Meter()
            for _ in tqdm(range(seconds), desc="nobody comes", unit="s"):
                await asyncio.sleep(1)
            idle = meter.read()
            meter = Meter()
            await _let_in(polls, referendum.voters)
            return idle, meter.read()


async def _let_in(polls: PollingDay, voters: Sequence[Voter]) -> None:
    queue = iter(tqdm(voters, desc="releases", unit="voter"))

    async def counter() -> None:
        for voter in queue:
            async with open_client() as client:  # each comes with a connection of their own
                await polls.obtain_credential(voter, client)

    async with asyncio.TaskGroup() as counters:
        for _ in range(_AT_ONCE):
            counters.create_task(counter())


def table(idle: Spell, busy: Spell, releases: int) -> Table:
    """Per program: the share of a core while nobody comes, and what a release adds to that."""
    shares = {program: used / idle.seconds for program, used in idle.used.items()}
    added = {
        program: (used - shares.get(program, 0.0) * busy.seconds) / releases * 1000
        for program, used in busy.used.items()
    }
    own = sorted(program for program in added if is_the_citys(program))
    others = sorted(program for program in added if not is_the_citys(program))
    every = [*own, *others]

    def row(name: str, programs: Sequence[str]) -> Row:
        return [name, _sum(shares, programs), _sum(added, programs)]

    rows = [*(row(one, [one]) for one in own), row("**the platform**", own)]
    rows += [*(row(one, [one]) for one in others), row("everything", every)]
    return Table(["", "of a core, idle", "ms of a processor a release"], rows)


def _sum(figures: Mapping[str, float], programs: Sequence[str]) -> float:
    return sum(figures.get(program, 0.0) for program in programs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--releases", type=int, default=200)
    arguments = parser.parse_args()
    taken = taken_by(f"make bench-idle SECONDS={arguments.seconds} RELEASES={arguments.releases}")
    with temporary_directory() as name:
        directory = Path(name)
        stack = Stack(directory, TestAuthority(utc_now, secrets.token_bytes), announce=print)
        stack.offer_phone()
        with stack:
            idle, busy = asyncio.run(measure(stack, directory, arguments.seconds, arguments.releases))
    tell(
        "idle",
        taken,
        f"{idle.seconds:.0f} s in which nobody came; then {arguments.releases} releases by card, {_AT_ONCE} at once, "
        f"{arguments.releases / busy.seconds:.1f} a second.",
        table(idle, busy, arguments.releases),
    )


if __name__ == "__main__":
    main()
