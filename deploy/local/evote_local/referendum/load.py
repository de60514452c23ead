"""`make load`: a referendum on a fresh stack whose voters are the load test's crowd; what they cast is counted."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_platform.clock import utc_now
from rich.console import Console

from ..nodes.processes import name_child
from ..people.face import Poses, PosesUnreadable
from ..people.observed import CROWD, Observed
from ..people.officers import ANSWERS, BLANK
from ..people.target import POLLS_OPEN, Letters, Target, card_name, write_target
from ..people.voters import open_client
from ..stack.platform import Platform
from ..stack.stack import WEIGHTS as FACE_MODELS
from ..stack.stack import Stack, temporary_directory
from .breaking import Breaker, Part, Planned, parse_faults
from .referendum import CHOICES, WEIGHTS, Referendum
from .verification import verify_from_public_data
from .watching import Watcher

_LOOK_EVERY_S = 1.0


class LoadFailed(Exception):
    """The run ended, and something that must hold did not."""


def run_load(
    *,
    voters: int,
    group: str,
    phone: float,
    face: float,
    poses: Path,
    faults: str,
    options: Sequence[str],
    output: Path,
    console: Console,
) -> None:
    """Hold the referendum; raises :class:`LoadFailed` unless each acknowledged ballot is counted as it was meant.

    The share ``phone`` of the voters come by phone, and ``face`` by code and face: for them biometric runs, and
    pictures of each pose are in the folder ``poses``.
    ``faults`` are what :func:`~.breaking.parse_faults` reads, and ``options`` are those of ``evote-load``, whose report
    is written to ``output``.
    """
    before_camera = _read_poses(poses) if face else None
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        stack = Stack(
            directory,
            authority,
            announce=lambda part: console.print(f"  {part}"),
            weights=FACE_MODELS if before_camera else None,
        )
        if phone:
            stack.offer_phone()
        with stack:
            planned = parse_faults(faults, list(parts_of(stack)))
            asyncio.run(
                _hold(stack, directory, voters, group, phone, face, before_camera, planned, options, output, console)
            )


async def _hold(
    stack: Stack,
    directory: Path,
    voters: int,
    group: str,
    phone: float,
    face: float,
    before_camera: Poses | None,
    planned: Sequence[Planned],
    options: Sequence[str],
    output: Path,
    console: Console,
) -> None:
    async with open_client(timeout_s=120) as client:
        referendum = Referendum(
            stack, client, directory=directory, group=group, voters=voters, seed=secrets.randbits(32)
        )
        await referendum.prepare()
        await asyncio.to_thread(referendum.issue_cards, lambda: None)
        target = directory / "target"
        cards = [voter.card for voter in referendum.voters]
        letters, biometric_url = None, ""
        if before_camera is not None:
            console.print("  faces are enrolled and letters sent")
            biometric_url = stack.biometric.url
            letters = await send_letters(referendum, face, before_camera, biometric_url)
        write_target(
            target, target_of(stack, referendum, phone=phone, biometric_url=biometric_url), cards, letters=letters
        )
        casts = output / "casts.jsonl"
        # An earlier run's must not be held against this count, nor its log against this stack's.
        casts.unlink(missing_ok=True)
        shutil.rmtree(output / "public-log", ignore_errors=True)
        status = await asyncio.to_thread(
            let_in, stack, target, output, options, look_every_s=_LOOK_EVERY_S, planned=planned
        )
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


def parts_of(stack: Stack) -> Mapping[str, Part]:
    """What can be broken of a running stack."""
    services: dict[str, Part] = {service.name: service for service in stack.services}
    return {"kafka": stack.kafka, "postgres": stack.postgres, **services}


def let_in(
    stack: Stack,
    target: Path,
    output: Path,
    options: Sequence[str],
    *,
    look_every_s: float,
    planned: Sequence[Planned] = (),
) -> int:
    """Run the crowd to its end, and look at the stack's processes meanwhile; the crowd's exit status.

    Raises :class:`LoadFailed` when the crowd had gone before all was broken that is ``planned``, and ``ProcessFailed``
    when a part that was broken doesn't come back.
    """
    output.mkdir(parents=True, exist_ok=True)
    seen = output / "observed.jsonl"
    command = [sys.executable, "-m", "evote_loadtests.main", "--target", str(target), "--out", str(output)]
    command += ["--observed", str(seen), *options]
    with seen.open("w") as file, subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as crowd:  # noqa: S603
        name_child(crowd.pid, CROWD)
        observed = Observed(file)
        breaker = Breaker(planned, parts_of(stack), observed, lambda: _wait_well(stack))
        with Watcher(stack, observed, look_every_s):
            try:
                _listen(crowd, breaker)
                status = crowd.wait()
            finally:
                crowd.terminate()
                breaker.end()
    if breaker.left:
        raise LoadFailed(f"the crowd had gone before this could be broken: {', '.join(map(str, breaker.left))}")
    return status


def _listen(crowd: subprocess.Popen[str], breaker: Breaker) -> None:
    assert crowd.stdout is not None  # noqa: S101 - a pipe
    for line in crowd.stdout:
        print(line, end="", flush=True)
        if line.rstrip() == POLLS_OPEN:
            breaker.begin()


def _wait_well(stack: Stack) -> None:
    for service in stack.services:
        service.wait_well()


def meant(kept: Sequence[Mapping[str, Any]]) -> list[int]:
    """What the count must give: each voter's last acknowledged choice, blank first."""
    last = Counter({cast["voter"]: cast["choice"] for cast in kept}.values())
    return [last[BLANK], *(last[answer] for answer in ANSWERS)]


async def send_letters(referendum: Referendum, share: float, poses: Poses, biometric_url: str) -> Letters:
    """Enrol the share of the voters, the last ones, as whoever is in ``poses``, and send them their codes."""
    await referendum.send_letters(round(share * len(referendum.voters)), poses.photograph(), biometric_url)
    return Letters({voter.number: voter.code for voter in referendum.voters if voter.code is not None}, poses)


def _read_poses(folder: Path) -> Poses:
    try:
        return Poses.read(folder)
    except PosesUnreadable as error:
        raise LoadFailed(f"nobody can come by face: {error}") from None


def target_of(stack: Platform, referendum: Referendum, *, phone: float = 0, biometric_url: str = "") -> Target:
    """What a crowd needs to know of a referendum on a running platform; the share ``phone`` of the voters have phones.

    Their cards are given to the stand-in of the phone's app, which the stack must have for it.
    """
    voters = referendum.voters
    by_phone = [voter.number for voter in voters[: round(phone * len(voters))]]
    for number in by_phone:
        assert stack.phone is not None  # noqa: S101 - offered where somebody comes by it
        save_card(voters[number].card, stack.phone.cards / f"{card_name(number)}.card")
    return Target(
        election=referendum.officers.election_uuid,
        tally_url=stack.tally.url,
        auth_url=stack.auth.url,
        ballot_urls=[service.url for service in stack.ballots],
        log_url=stack.ledger_anchor.url,
        log_key=stack.identities.log_key.text,
        choices={choice: [plain] for choice, plain in CHOICES.items()},
        weights=WEIGHTS,
        by_phone=by_phone,
        biometric_url=biometric_url,
        code_key=base64.b64encode(stack.identities.voting_code_key.public_bytes_raw()).decode(),
    )
