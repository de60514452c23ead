"""`make up` and `make down`: a stack with an open referendum that stays until it is told to stop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import signal
import subprocess
import sys
import time
from pathlib import Path

from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_platform.clock import utc_now
from rich.console import Console

from ..nodes.processes import log_tail
from ..people.voters import open_client
from ..stack.identities import OFFICER_PASSWORD
from ..stack.stack import Stack, temporary_directory
from .devices import device_pool
from .referendum import Referendum

STATE = Path(".cache") / "standing"
_PID, _LOG, _ADDRESSES = STATE / "pid", STATE / "log", STATE / "addresses.json"
_CARD = "card.json"
_START_WAIT_S, _STOP_WAIT_S = 600, 60


class StandingFailed(Exception):
    """Starting or stopping the standing stack did not work; the message says why."""


def start_in_background(*, voters: int, group: str, console: Console) -> None:
    """Start :func:`stand` in a session of its own and return when the referendum is open."""
    if _running_pid() is not None:
        raise StandingFailed("it is running already: make down stops it")
    STATE.mkdir(parents=True, exist_ok=True)
    _ADDRESSES.unlink(missing_ok=True)
    command = [sys.executable, "-m", "evote_local.main", "stand", "--voters", str(voters), "--group", group]
    with _LOG.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - ourselves
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    _PID.write_text(str(process.pid))
    console.print("起動しています / starting …")
    deadline = time.monotonic() + _START_WAIT_S
    while not _ADDRESSES.exists():
        if process.poll() is not None or time.monotonic() > deadline:
            raise StandingFailed(f"it did not start:\n{log_tail(_LOG)}")
        time.sleep(0.2)
    for name, address in json.loads(_ADDRESSES.read_text()).items():
        console.print(f"  {name:<16} {address}", markup=False, highlight=False)
    console.print("make down で終了 / make down stops it")


def stand(*, voters: int, group: str, console: Console) -> None:
    """Start a stack, open a referendum, let everybody vote, and stay until SIGTERM."""
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        with Stack(directory, authority, announce=console.print) as stack:
            uuid = asyncio.run(_open_and_vote(stack, directory, voters, group))
            addresses = {service.name: service.url for service in stack.services}
            addresses["test authority"] = stack.authority_url
            addresses["Ethereum chain"] = stack.chain.node.rpc_url
            addresses["anchor contract"] = stack.chain.contract.account
            addresses["log key"] = stack.identities.log_key.text
            addresses["witness policy"] = str(stack.vouching.policy_file)
            addresses["election"] = f"{stack.tally.url}/elections/{uuid}"
            addresses["board"] = f"{stack.ballots[0].url}/elections/{uuid}/ballots"
            addresses["officers' keys"] = str(stack.identities.roster_file.parent)
            addresses["their password"] = OFFICER_PASSWORD
            addresses["trustee keys"] = str(directory / "trustees")
            addresses["a voter's card"] = str(directory / _CARD)
            _publish(addresses)
            try:
                signal.pause()
            finally:
                _ADDRESSES.unlink(missing_ok=True)


def stop(*, console: Console) -> None:
    """Stop what :func:`start_in_background` started; nothing to do is not an error."""
    pid = _running_pid()
    if pid is None:
        console.print("動いていません / nothing is running")
        return
    os.kill(pid, signal.SIGTERM)
    deadline = time.monotonic() + _STOP_WAIT_S
    while _running_pid() is not None:
        if time.monotonic() > deadline:
            raise StandingFailed(f"process {pid} did not end in {_STOP_WAIT_S} s")
        time.sleep(0.2)
    _PID.unlink(missing_ok=True)
    console.print("停止しました / stopped")


async def _open_and_vote(stack: Stack, directory: Path, voters: int, group: str) -> str:
    async with open_client() as client:
        referendum = Referendum(
            stack, client, directory=directory, group=group, voters=voters, seed=secrets.randbits(32)
        )
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            await referendum.vote(polls, referendum.plan_visits(), lambda: None)
        save_card(referendum.voters[0].card, directory / _CARD)
    return referendum.officers.election_uuid


def _publish(addresses: dict[str, str]) -> None:
    draft = _ADDRESSES.with_suffix(".new")
    draft.touch(mode=0o600)
    draft.write_text(json.dumps(addresses))
    draft.replace(_ADDRESSES)


def _running_pid() -> int | None:
    """The process that ``up`` started, if it is still that process and not another with its number."""
    try:
        pid = int(_PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"evote_local.main" in command else None
