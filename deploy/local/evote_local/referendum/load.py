"""`make load`: a referendum on a fresh stack whose voters are the load test's crowd; what they cast is counted."""

from __future__ import annotations

import asyncio
import json
import secrets
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evote_jpki.authority import TestAuthority
from evote_platform.clock import utc_now
from rich.console import Console

from ..nodes.processes import name_child
from ..people.observed import CROWD, Observed
from ..people.officers import ANSWERS, BLANK
from ..people.target import Target, write_target
from ..people.voters import open_client
from ..stack.stack import Stack, temporary_directory
from .referendum import CHOICES, WEIGHTS, Referendum
from .verification import verify_from_public_data
from .watching import Watcher

_LOOK_EVERY_S = 1.0


class LoadFailed(Exception):
    """The run ended, and something that must hold did not."""


def run_load(*, voters: int, group: str, options: Sequence[str], output: Path, console: Console) -> None:
    """Hold the referendum; raises :class:`LoadFailed` unless each acknowledged ballot is counted as it was meant.

    ``options`` are those of ``evote-load``, whose report is written to ``output``.
    """
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        with Stack(directory, authority, announce=lambda part: console.print(f"  {part}")) as stack:
            asyncio.run(_hold(stack, directory, voters, group, options, output, console))


async def _hold(
    stack: Stack, directory: Path, voters: int, group: str, options: Sequence[str], output: Path, console: Console
) -> None:
    async with open_client(timeout_s=120) as client:
        referendum = Referendum(
            stack, client, directory=directory, group=group, voters=voters, seed=secrets.randbits(32)
        )
        await referendum.prepare()
        await asyncio.to_thread(referendum.issue_cards, lambda: None)
        target = directory / "target"
        write_target(target, target_of(stack, referendum), [voter.card for voter in referendum.voters])
        casts = output / "casts.jsonl"
        casts.unlink(missing_ok=True)  # an earlier run's must not be held against this count
        status = await asyncio.to_thread(let_in, stack, target, output, options, look_every_s=_LOOK_EVERY_S)
        kept = [json.loads(line) for line in casts.read_text().splitlines()] if casts.exists() else []
        if not kept:
            raise LoadFailed(f"nobody got a receipt; the crowd's run ended with status {status}")
        counts = await referendum.close_and_count()
        await referendum.officers.download_archive(output / "archive.bel")
        verdict = await verify_from_public_data(stack, client, kept[-1]["receipt"], output)
        console.print(verdict.output, markup=False, highlight=False, soft_wrap=True)
    expected = meant(kept)
    if counts != expected:
        raise LoadFailed(f"the count is {counts}, but voters chose {expected}")
    if not verdict.accepted:
        raise LoadFailed(f"{verdict.program} refuses the archive")
    if status:
        raise LoadFailed(f"the crowd's run ended with status {status}: {output}/report.md")


def let_in(stack: Stack, target: Path, output: Path, options: Sequence[str], *, look_every_s: float) -> int:
    """Run the crowd to its end, and look at the stack's processes meanwhile; the crowd's exit status."""
    output.mkdir(parents=True, exist_ok=True)
    seen = output / "observed.jsonl"
    command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(target), "--out", str(output)]
    command += ["--observed", str(seen), *options]
    with seen.open("w") as file, subprocess.Popen(command) as crowd:  # noqa: S603 - ours
        name_child(crowd.pid, CROWD)
        with Watcher(stack, Observed(file), look_every_s):
            try:
                return crowd.wait()
            finally:
                crowd.terminate()


def meant(kept: Sequence[Mapping[str, Any]]) -> list[int]:
    """What the count must give: each voter's last acknowledged choice, blank first."""
    last = Counter({cast["voter"]: cast["choice"] for cast in kept}.values())
    return [last[BLANK], *(last[answer] for answer in ANSWERS)]


def target_of(stack: Stack, referendum: Referendum) -> Target:
    """What a crowd needs to know of a referendum on a running stack."""
    return Target(
        election=referendum.officers.election_uuid,
        tally_url=stack.tally.url,
        auth_url=stack.auth.url,
        ballot_urls=[service.url for service in stack.ballots],
        log_url=stack.ledger_anchor.url,
        log_key=stack.identities.log_key.text,
        choices={choice: [plain] for choice, plain in CHOICES.items()},
        weights=WEIGHTS,
    )
