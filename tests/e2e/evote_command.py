"""The program of officers, trustees and auditors, run as they run it, against a stack."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from evote_local.stack.identities import OFFICER_PASSWORD
from evote_local.stack.stack import Stack


def officer_settings(stack: Stack, identifier: str) -> dict[str, str]:
    """What tells ``evote`` which person of the stack's staff is at the keyboard."""
    key = stack.identities.officer_key_files[identifier]
    return {"EVOTE_OFFICER_KEY": str(key), "EVOTE_OFFICER_PASSWORD": OFFICER_PASSWORD}


_AT_KEYBOARD = {"audit": "kato", "election": "sato", "face": "tanaka", "officer": "tanaka"}
"""Who of the staff gives the commands of a group, unless a test says otherwise."""


async def run_evote(stack: Stack, *arguments: str, person: str = "") -> subprocess.CompletedProcess[str]:
    """Run ``evote`` as a person of the staff, with the addresses; a failure is the caller's to look at."""
    settings = officer_settings(stack, person or _AT_KEYBOARD[arguments[0]])
    addresses = {"EVOTE_AUTH_URL": stack.auth.url, "EVOTE_TALLY_URL": stack.tally.url, "COLUMNS": "200"}
    return await asyncio.to_thread(
        subprocess.run,
        [sys.executable, "-m", "evote_cli.main", *arguments],
        env={**os.environ, **settings, **addresses},
        capture_output=True,
        text=True,
        check=False,
    )


async def run_evote_together(
    stack: Stack, first: str, second: str, command: Path, *arguments: str
) -> subprocess.CompletedProcess[str]:
    """What takes two persons: the first signs into the file ``command``, the second cosigns, the first sends."""
    told = (*arguments, "--command", str(command))
    signed = await run_evote(stack, *told, person=first)
    assert signed.returncode == 0, signed.stderr
    early = await run_evote(stack, *told, person=first)
    assert early.returncode == 1 and "一人しか署名していません" in early.stderr
    cosigned = await run_evote(stack, "command", "cosign", str(command), "--yes", person=second)
    assert cosigned.returncode == 0, cosigned.stderr
    return await run_evote(stack, *told, person=first)
