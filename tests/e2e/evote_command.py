"""The program of officers, trustees and auditors, run as they run it, against a stack.

It runs in the tests' own process: starting an interpreter for each of a hundred commands took most of their time.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from unittest.mock import patch

from evote_cli.errors import CommandFailed
from evote_cli.main import app
from evote_local.stack.identities import OFFICER_PASSWORD
from evote_local.stack.stack import Stack
from rich.console import Console
from typer.testing import CliRunner


@dataclass(frozen=True)
class Done:
    """How a program ended."""

    returncode: int
    stdout: str
    stderr: str


def officer_settings(stack: Stack, identifier: str) -> dict[str, str]:
    """What tells ``evote`` which person of the stack's staff is at the keyboard."""
    key = stack.identities.officer_key_files[identifier]
    return {"EVOTE_OFFICER_KEY": str(key), "EVOTE_OFFICER_PASSWORD": OFFICER_PASSWORD}


_AT_KEYBOARD = {"audit": "kato", "election": "sato", "face": "tanaka", "officer": "tanaka"}
"""Who of the staff gives the commands of a group, unless a test says otherwise."""


def evote(arguments: Sequence[str], environment: Mapping[str, str], *, typed: str = "") -> Done:
    """Run ``evote`` with these words, more settings, and answers; how it ended is the caller's to look at."""
    for name, module in list(sys.modules.items()):
        console = getattr(module, "_console", None)
        if name.startswith("evote_cli.") and isinstance(console, Console):
            console.width = 200  # as wide as the longest line, whatever terminal the tests run in
    with patch.dict(os.environ, environment):
        done = CliRunner().invoke(app, list(arguments), input=typed)
    if isinstance(done.exception, CommandFailed):
        return Done(done.exception.exit_status, done.stdout, f"{done.stderr}{done.exception}\n")
    if done.exception is not None and not isinstance(done.exception, SystemExit):
        raise done.exception
    return Done(done.exit_code, done.stdout, done.stderr)


async def run_evote(stack: Stack, *arguments: str, person: str = "") -> Done:
    """Run ``evote`` as a person of the staff, with the addresses; a failure is the caller's to look at."""
    settings = officer_settings(stack, person or _AT_KEYBOARD[arguments[0]])
    addresses = {"EVOTE_AUTH_URL": stack.auth.url, "EVOTE_TALLY_URL": stack.tally.url}
    return await asyncio.to_thread(evote, arguments, {**settings, **addresses})


async def run_evote_together(stack: Stack, first: str, second: str, command: Path, *arguments: str) -> Done:
    """What takes two persons: the first signs into the file ``command``, the second cosigns, the first sends."""
    told = (*arguments, "--command", str(command))
    signed = await run_evote(stack, *told, person=first)
    assert signed.returncode == 0, signed.stderr
    early = await run_evote(stack, *told, person=first)
    assert early.returncode == 1 and "一人しか署名していません" in early.stderr
    cosigned = await run_evote(stack, "command", "cosign", str(command), "--yes", person=second)
    assert cosigned.returncode == 0, cosigned.stderr
    return await run_evote(stack, *told, person=first)
