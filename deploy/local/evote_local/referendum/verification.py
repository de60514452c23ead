"""Verifying what a run has produced: with our program, and with one that we did not write."""

from __future__ import annotations

import asyncio
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import httpx

from ..stack.identities import OFFICER_PASSWORD
from ..stack.platform import Platform

Receipt = Mapping[str, object]
"""What a voter was given for a ballot."""

GROUPS_OF_BELENIOS_TOOL = frozenset({"BELENIOS-2048"})


@dataclass(frozen=True)
class Verdict:
    """What a verifier said about an archive."""

    program: str
    accepted: bool
    output: str


def auditor_options(stack: Platform) -> tuple[str | Path, ...]:
    """For ``run_evote_verify``: read the stack's log as its auditor of record."""
    return ("--auditor-key", stack.identities.officer_key_files[stack.identities.staff.kato.identifier])


def run_evote_verify(archive: Path, *options: str | Path) -> Verdict:
    """Run ``evote-verify`` as an auditor would; its progress bar goes to our standard error.

    Key files of the stack's persons open: the password that all of them have is in the environment.
    """
    command = [sys.executable, "-m", "evote_verify.main", str(archive), *map(str, options)]
    environment = {**os.environ, "EVOTE_OFFICER_PASSWORD": OFFICER_PASSWORD}
    done = subprocess.run(  # noqa: S603 - our own program
        command, env=environment, stdout=subprocess.PIPE, text=True, check=False
    )
    return Verdict("evote-verify", done.returncode == 0, done.stdout.strip())


async def verify_from_public_data(
    stack: Platform, client: httpx.AsyncClient, receipt: Receipt, output: Path
) -> Verdict:
    """Verify a running stack's archive, log, witnesses and chain, and one voter's receipt, as anybody may.

    What it needs is written into ``output`` beside ``archive.bel``, so that the same can be asked again: the keys, the
    policy, the receipt, and in ``public-log`` all that was read.
    """
    return await _verify(stack, client, receipt, output, ())


async def verify_as_auditor(
    stack: Platform,
    client: httpx.AsyncClient,
    receipt: Receipt,
    output: Path,
    *,
    chain: Sequence[str] | None = None,
    policy: str | None = None,
) -> Verdict:
    """The same with an auditor of record's access, who sees during the vote, or another one's, what is not public.

    By another contract than the stack's (as ``auditor_options`` of a chain say), or another witness policy, if given.
    """
    return await _verify(stack, client, receipt, output, auditor_options(stack), chain=chain, policy=policy)


async def _verify(
    stack: Platform,
    client: httpx.AsyncClient,
    receipt: Receipt,
    output: Path,
    access: Sequence[str | Path],
    *,
    chain: Sequence[str] | None = None,
    policy: str | None = None,
) -> Verdict:
    receipt_key = (await client.get(f"{stack.ballots[0].url}/receipt-key")).text
    given = {
        "--log-key": ("log-key", stack.identities.log_key.text),
        "--witness-policy": ("witness-policy", policy or stack.vouching.policy_file.read_text()),
        "--roster": ("roster.json", stack.identities.roster_file.read_text()),
        "--receipt": ("receipt.json", json.dumps(receipt)),
        "--receipt-key": ("receipt-key", receipt_key),
    }
    options: list[str | Path] = ["--log", stack.ledger_anchor.url, "--save", output / "public-log", *access]
    for option, (name, text) in given.items():
        (output / name).write_text(text)
        options += [option, output / name]
    options += chain or stack.chain.auditor_options
    return await asyncio.to_thread(run_evote_verify, output / "archive.bel", *options)


def run_belenios_tool(archive: Path, election_uuid: str) -> Verdict:
    """Run Debian's ``belenios-tool election verify``; it wants the archive to be named after the election."""
    tool = shutil.which("belenios-tool")
    if tool is None:
        return Verdict("belenios-tool", accepted=False, output="not installed (Debian: apt-get install belenios-tool)")
    with tempfile.TemporaryDirectory() as directory:
        shutil.copy(archive, Path(directory) / f"{election_uuid}.bel")
        done = subprocess.run(  # noqa: S603 - Debian's program
            [tool, "election", "verify"],
            cwd=directory,
            env={**os.environ, "BELENIOS_USE_URANDOM": "1"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
    return Verdict("belenios-tool", done.returncode == 0, done.stdout.strip())
