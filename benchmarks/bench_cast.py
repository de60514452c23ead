"""What a ballot takes of a processor in each process, beside another checkout: ``make bench-cast BESIDE=folder``.

A figure of one run depends on the machine, and on who else uses it, by more than what there is to save. So two stacks
run at once, one of this checkout and one of the other, and both get the same ballots at the same rate in the same
seconds: whatever slows the one down slows the other, and the ratio stands. Between the rounds nobody casts, and what is
used then is taken off. Ballots are made beforehand; what makes and sends them is not counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from random import Random
from statistics import quantiles
from typing import Final, Self

from evote_belenios import native
from evote_belenios.groups import ED25519
from evote_jpki.authority import TestAuthority
from evote_loadtests.crowd import CAST, Sample, open_polls
from evote_loadtests.goals import each_process_ms
from evote_loadtests.rush import Rush, open_session, seal
from evote_local.nodes.processes import uses_of_children
from evote_local.people.observed import is_the_citys
from evote_local.people.voters import open_client
from evote_local.referendum.load import target_of
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from tqdm import tqdm

HERE: Final = Path(__file__).parents[1]
_ANSWER: Final = "answer "
"""Begins the lines of a stack's program that are for this one."""
_SETTLE_S = 1.5
"""Behind a round's last receipt: projections, checkpoint, examination and anchor of its ballots belong to it."""
_IDLE_S = 5.0
_ALL = "all processes"
_COMPARED = ("ratio of the means", "of rounds: quartiles")

Spent = Mapping[str, float]
"""Seconds of a processor, by process."""


@dataclass(frozen=True)
class Round:
    """Some ballots, and a while without any behind them."""

    ballots: int
    seconds: float
    spent: Spent
    idle_seconds: float
    idle_spent: Spent

    def each_ms(self) -> Mapping[str, float]:
        """What a ballot took of the city's processes beyond what is spent when nobody comes."""
        each = each_process_ms(self.spent, self.seconds, self.idle_spent, self.idle_seconds, self.ballots)
        citys = {name: taken for name, taken in each.items() if is_the_citys(name)}
        return {**citys, _ALL: sum(citys.values())}


class Checkout:
    """A stack of a checkout's own code, in a program of its own environment, which does what it is told by line."""

    def __init__(self, folder: Path, ballots: int) -> None:
        """``folder`` is installed; so many ``ballots`` are made for it."""
        self.folder = folder
        self._process = subprocess.Popen(
            [str(folder / ".venv/bin/python"), str(Path(__file__).resolve()), "--serve", str(ballots)],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(folder)},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()  # the end of its orders: it stops its stack
        self._process.wait()

    def order(self, line: str) -> None:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{line}\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, float]:
        """To the order before; raises ``RuntimeError`` when the program ended."""
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith(_ANSWER):
                answer: dict[str, float] = json.loads(line.removeprefix(_ANSWER))
                return answer
        raise RuntimeError(f"the stack of {self.folder} ended: is it installed (make install)?")


def ask(checkouts: Sequence[Checkout], line: str) -> list[dict[str, float]]:
    """All of them at once."""
    for checkout in checkouts:
        checkout.order(line)
    return [checkout.answer() for checkout in checkouts]


def measure(checkouts: Sequence[Checkout], rounds: int, ballots: int, rate: float) -> list[list[Round]]:
    """The rounds of each checkout. Each casts in the seconds in which the others do."""
    for checkout in checkouts:
        checkout.answer()  # its ballots are made
    ask(checkouts, f"cast {ballots} {rate}")  # interpreters, statements and connections get warm
    found: list[list[Round]] = [[] for _ in checkouts]
    for _ in tqdm(range(rounds), desc="rounds"):
        before = ask(checkouts, "used")
        accepted = ask(checkouts, f"cast {ballots} {rate}")
        between = ask(checkouts, "used")
        ask(checkouts, f"rest {_IDLE_S}")
        after = ask(checkouts, "used")
        for place, (first, taken, second, third) in enumerate(zip(before, accepted, between, after, strict=True)):
            found[place].append(
                Round(
                    int(taken["accepted"]),
                    second["at"] - first["at"],
                    _since(first, second),
                    third["at"] - second["at"],
                    _since(second, third),
                )
            )
    return found


def _since(before: Mapping[str, float], after: Mapping[str, float]) -> Spent:
    return {name: after[name] - before.get(name, 0.0) for name in after if name != "at"}


def lines(names: Sequence[str], found: Sequence[Sequence[Round]]) -> list[str]:
    """Means by process as a Markdown table; of two, how the second's rounds compare with the first's."""
    each = [[one.each_ms() for one in rounds] for rounds in found]
    columns = [
        "ms of a processor a ballot",
        *names,
        *(["ratio of the means", "of rounds: quartiles"] if each[1:] else []),
    ]
    rows = [f"| {' | '.join(columns)} |", f"|{'---|' * len(columns)}"]
    for process in sorted(each[0][0], key=lambda name: -sum(one[name] for one in each[0])):
        taken = [[one.get(process, 0.0) for one in rounds] for rounds in each]
        cells = [f"{sum(all_of) / len(all_of):.2f}" for all_of in taken]
        if each[1:]:
            cells += compared(*taken)
        rows.append(f"| {process} | {' | '.join(cells)} |")
    return rows


def compared(first: Sequence[float], second: Sequence[float]) -> list[str]:
    """The ratio of the sums, and the quartiles of the rounds' own ratios, which tell how far it is to be trusted."""
    ratios = [later / before for before, later in zip(first, second, strict=True) if before > 0]
    if sum(first) <= 0 or len(ratios) < 2:
        return ["", ""]
    low, middle, high = quantiles(ratios, n=4, method="inclusive")
    return [f"{sum(second) / sum(first):.3f}", f"{low:.3f}, {middle:.3f}, {high:.3f}"]


def serve(ballots: int) -> None:
    """Run a stack of the checkout that this program's environment is of, and do what comes by standard input."""
    if native.core is None:  # of another version, where a checkout has moved on since it was installed
        sys.exit("the compiled core is not this checkout's: its services would do that work in Python (make install)")
    with temporary_directory() as name:
        stack = Stack(Path(name), TestAuthority(utc_now, secrets.token_bytes), announce=lambda _: None)
        with stack:
            asyncio.run(_obey(stack, Path(name), ballots))


async def _obey(stack: Stack, directory: Path, ballots: int) -> None:
    from benchmarks.bench_goals import credentials_of  # of this checkout, too

    async with open_client(timeout_s=300) as client:
        referendum = Referendum(stack, client, directory=directory, group=ED25519.name, voters=ballots, seed=1)
        await referendum.prepare()
        election = referendum.officers.election_uuid
        credentials = await credentials_of(stack, election, [referendum.voter_id(one) for one in range(ballots)])
    target, random, samples = target_of(stack, referendum), Random(1), list[Sample]()
    with ProcessPoolExecutor(1) as executor:
        polls = await open_polls(target, executor, random, None)
        sealed = await seal(polls, target, dict(enumerate(credentials)), executor, random)
    _answer({"made": ballots})
    orders, cast = asyncio.StreamReader(), 0
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(orders), sys.stdin)
    async with open_session() as session:
        rush = Rush(polls, [], sealed, session, samples.append)
        while line := (await orders.readline()).decode():
            order, *arguments = line.split()
            if order == "used":
                used = {use.name: use.cpu_s for use in uses_of_children()}
                _answer({**used, "at": asyncio.get_running_loop().time()})
            elif order == "rest":
                await asyncio.sleep(float(arguments[0]))
                _answer({})
            else:
                count = int(arguments[0])
                samples.clear()
                await _cast(rush, range(cast, cast + count), float(arguments[1]), random)
                cast += count
                _answer({"accepted": sum(sample.name == CAST for sample in samples)})


async def _cast(rush: Rush, numbers: range, rate: float, random: Random) -> None:
    """Open arrivals: nobody waits for who came before."""
    due = asyncio.get_running_loop().time()
    async with asyncio.TaskGroup() as people:
        for number in numbers:
            due += random.expovariate(rate)
            await asyncio.sleep(due - asyncio.get_running_loop().time())
            people.create_task(rush.visit(number, due))
    await asyncio.sleep(_SETTLE_S)


def _answer(what: Mapping[str, float]) -> None:
    print(f"{_ANSWER}{json.dumps(what)}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--beside", type=Path, help="another checkout, installed; without it, this one alone")
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--ballots", type=int, default=150, help="of each round")
    parser.add_argument("--rate", type=float, default=25.0, help="ballots a second, of each stack")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.serve is not None:
        serve(arguments.serve)
        return
    folders = [HERE] if arguments.beside is None else [arguments.beside.resolve(), HERE]
    made = (arguments.rounds + 1) * arguments.ballots
    with ExitStack() as running:
        checkouts = [running.enter_context(Checkout(folder, made)) for folder in folders]
        found = measure(checkouts, arguments.rounds, arguments.ballots, arguments.rate)
    print("\n".join(lines(["beside", "here"] if len(folders) > 1 else ["here"], found)))


if __name__ == "__main__":
    main()
