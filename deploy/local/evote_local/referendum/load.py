"""`make load`: a referendum on a fresh stack whose voters are the load test's crowd; what they cast is counted."""

from __future__ import annotations

import argparse
import asyncio
import base64
import json
import secrets
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path

from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_platform.clock import utc_now
from rich.console import Console

from ..nodes.processes import name_child
from ..people.face import Poses, PosesUnreadable
from ..people.observed import CROWD, Observed
from ..people.target import POLLS_OPEN, Letters, Target, card_name, write_target
from ..people.voters import open_client
from ..stack.platform import Platform
from ..stack.stack import WEIGHTS as FACE_MODELS
from ..stack.stack import Stack, temporary_directory
from .breaking import Breaker, Part, Planned, parse_faults
from .concluding import Concluded, NobodyVoted, conclude, forget
from .referendum import CHOICES, WEIGHTS, Referendum
from .taken import taken_by
from .watching import Watcher

_LOOK_EVERY_S = 1.0
ANCHORED_WITHIN_S = 2.0
"""For 99 of 100 ballots, where the chain takes a block a second, as the stack's own does."""
_OPTIONS = ("profile", "seconds", "again", "workers")
"""Those of ``evote-load`` that say which crowd comes."""


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
    taken = taken_by(command_of(voters, group, phone, face, faults, options))
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
            status, concluded = asyncio.run(
                _hold(stack, directory, voters, group, phone, face, before_camera, planned, options, output, console)
            )
    add_to_figures(output, taken=taken, concluded=concluded)
    if concluded.faults:
        raise LoadFailed("; ".join(concluded.faults))
    if status:
        raise LoadFailed(f"the crowd's run ended with status {status}: {output}/report.md")


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
) -> tuple[int, Concluded]:
    """The crowd's exit status, and what became of its ballots."""
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
        forget(output)
        told = [*options, "--anchored-within", str(ANCHORED_WITHIN_S)]
        status = await asyncio.to_thread(
            let_in, stack, target, output, told, look_every_s=_LOOK_EVERY_S, planned=planned
        )
        try:
            concluded, verification = await conclude(stack, client, referendum, output)
        except NobodyVoted:
            raise LoadFailed(f"nobody got a receipt; the crowd's run ended with status {status}") from None
        console.print(verification, markup=False, highlight=False, soft_wrap=True)
    return status, concluded


def command_of(voters: int, group: str, phone: float, face: float, faults: str, options: Sequence[str]) -> str:
    """The ``make load`` that lets the same crowd in: neither a run beside it nor what is a failure is said."""
    asked = argparse.ArgumentParser(add_help=False, allow_abbrev=False)
    for name in _OPTIONS:
        asked.add_argument(f"--{name}")
    asked.add_argument("--beforehand", action="store_true")
    given = vars(asked.parse_known_args(options)[0])
    words = {name.upper(): given[name] for name in _OPTIONS} | {"VOTERS": voters, "GROUP": group}
    words |= {"BEFOREHAND": 1 if given["beforehand"] else None, "PHONE": phone, "FACE": face}
    words["FAULTS"] = f'"{faults}"' if faults else None
    return " ".join(["make load", *(f"{name}={value}" for name, value in words.items() if value)])


def add_to_figures(output: Path, *, taken: Mapping[str, str], concluded: Concluded) -> None:
    """What the crowd can't know of its run, into its figures: how it was taken, and what became of the ballots."""
    path = output / "figures.json"
    written = {"taken": taken, **json.loads(path.read_text()), "concluded": asdict(concluded)}
    path.write_text(json.dumps(written, ensure_ascii=False, indent=2) + "\n")


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
