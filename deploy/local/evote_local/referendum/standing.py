"""`make up`, `make status`, `make restart` and `make down`: a stack with an open referendum that stays until it is told
to stop."""

from __future__ import annotations

import asyncio
import json
import os
import secrets
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path

import httpx
from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_jpki.emulator import EmulatedCard
from evote_jpki.vpcd import InsertedCard
from evote_platform.clock import utc_now
from rich.console import Console

from ..nodes.pcsc import PcscDaemon, why_no_pcscd
from ..nodes.ports import LOOPBACK
from ..nodes.processes import log_tail
from ..people.officers import StepRefused
from ..people.voters import SIGNATURE_PASSWORD, USER_PIN, open_client
from ..stack.identities import OFFICER_PASSWORD
from ..stack.stack import WEIGHTS, Stack, temporary_directory
from .attendant import Attendant, Orders
from .devices import device_pool
from .referendum import Referendum

STATE = Path(".cache") / "standing"
_PID, _LOG, _ADDRESSES, _SERVICES = STATE / "pid", STATE / "log", STATE / "addresses.json", STATE / "services.json"
_SETTINGS = STATE / "settings.sh"
_CARD = "card.json"
_START_WAIT_S, _STOP_WAIT_S = 600, 60
_LOOK_EVERY_S = 0.5


class StandingFailed(Exception):
    """Starting or stopping the standing stack did not work; the message says why."""


def start_in_background(*, voters: int, group: str, photo: Path | None, console: Console) -> None:
    """Start :func:`stand` in a session of its own and return when the referendum is open."""
    if _running_pid() is not None:
        raise StandingFailed("it is running already: make down stops it")
    if photo is not None and not photo.is_file():
        raise StandingFailed(f"there is no photograph {photo}: PHOTO= names a JPEG or PNG file with one face")
    STATE.mkdir(parents=True, exist_ok=True)
    _ADDRESSES.unlink(missing_ok=True)
    command = [sys.executable, "-m", "evote_local.main", "stand", "--voters", str(voters), "--group", group]
    if photo is not None:
        command += ["--photo", str(photo)]
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
        # Whole, however narrow the terminal: they are there to be copied.
        console.print(f"  {name:<20} {address}", markup=False, highlight=False, soft_wrap=True)
    console.print(
        f"source {_SETTINGS}: evote の設定 / the settings of evote\n"
        "make status で状態 / shows how it is; make restart SERVICE=… で再起動 / starts a service again\n"
        "make down で終了 / stops it",
        highlight=False,
        soft_wrap=True,
    )


def stand(*, voters: int, group: str, photo: Path | None, console: Console) -> None:
    """Start a stack, open a referendum, let everybody vote, and stay until SIGTERM.

    ``photo`` becomes the face of a voter who may come by voting code; with it the face service runs too.
    """
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        stack = Stack(directory, authority, announce=console.print, weights=None if photo is None else WEIGHTS)
        phone = stack.offer_phone()
        with stack, ExitStack() as running:
            referendum = asyncio.run(_open_and_vote(stack, directory, voters, group))
            save_card(referendum.voters[-1].card, phone.cards / "voter.card")
            uuid = referendum.officers.election_uuid
            stack.open_front()
            stack.open_board()
            stack.open_wall(uuid)
            page, public = (f"{front.origin}/?election={uuid}" for front in (stack.front, stack.board))
            code = asyncio.run(_voting_code(stack, referendum, photo, page))
            pc = _seat_with_card(referendum.voters[-1].card, directory / "pcsc", page, uuid, running)
            attendant = Attendant(stack.services, Orders(STATE), console)
            _publish(_SETTINGS, _settings(stack, uuid))
            _publish(_SERVICES, json.dumps({service.name: service.url for service in stack.services}))
            _publish(
                _ADDRESSES,
                json.dumps(
                    {
                        "voting page": page,
                        "public pages": public,
                        "city's wall": stack.wall.origin,
                        **pc,
                        **code,
                        **_addresses(stack, directory, uuid),
                    }
                ),
            )
            try:
                while True:
                    attendant.look()
                    time.sleep(_LOOK_EVERY_S)
            finally:
                _ADDRESSES.unlink(missing_ok=True)


def show(*, console: Console) -> bool:
    """Print how each service of the standing stack is; whether all of them are well."""
    well = True
    for name, url in _services().items():
        is_well, text = _state(url)
        well = well and is_well
        console.print(f"  {name:<20} {text}", markup=False, highlight=False, soft_wrap=True)
    return well


def restart(name: str, *, console: Console) -> None:
    """Stop a service of the standing stack, when it still runs, and start it again."""
    services = _services()
    if name not in services:
        raise StandingFailed(f"there is no service {name!r}: {', '.join(services)}")
    failure = Orders(STATE).give(name)
    if failure:
        raise StandingFailed(failure)
    console.print(f"{name}: 再起動しました / started again")


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


def _seat_with_card(card: EmulatedCard, directory: Path, page: str, uuid: str, running: ExitStack) -> Mapping[str, str]:
    """A reader with a card in it, until ``running`` ends: what to start, and to type, to vote with it on the page."""
    reason = why_no_pcscd()
    if reason is not None:
        return {"no card reader": reason}
    daemon = running.enter_context(PcscDaemon(directory, readers=1))
    running.enter_context(InsertedCard(card, LOOPBACK, daemon.slots[0]))
    agent = [str(Path(sys.executable).with_name("evote-card-agent")), "--page", page, "--election", uuid]
    environment = [f"{name}={value}" for name, value in daemon.environment.items()]
    return {
        "a voter's card agent": shlex.join(["env", *environment, *agent]),
        "their PIN, password": f"{USER_PIN}, {SIGNATURE_PASSWORD}",
    }


async def _voting_code(stack: Stack, referendum: Referendum, photo: Path | None, page: str) -> Mapping[str, str]:
    """A voter's letter, for whoever looks like ``photo``: the page asks for the face behind the code."""
    if photo is None:
        return {"no voting code": "make up PHOTO=you.jpg: your face before your own camera is asked for (1 GB more)"}
    voter_id = referendum.voter_id(len(referendum.voters) // 2)
    async with open_client(timeout_s=60) as client:
        officers = referendum.officers
        officers.use(client)
        try:
            await officers.enrol_face(voter_id, await asyncio.to_thread(photo.read_bytes), stack.biometric.url)
        except StepRefused as refused:
            raise StandingFailed(f"{photo} can't be enrolled as a voter's face: {refused}") from None
        code = (await officers.voting_codes())[voter_id]
    return {"a voter's code": code, "their post card's QR": f"{page}#code={code.replace('-', '')}"}


async def _open_and_vote(stack: Stack, directory: Path, voters: int, group: str) -> Referendum:
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
    return referendum


def _addresses(stack: Stack, directory: Path, uuid: str) -> dict[str, str]:
    keys = stack.identities
    return {
        **{service.name: service.url for service in stack.services},
        "test authority": stack.authority_url,
        **({} if stack.phone is None else {"phone app stand-in": stack.phone.url}),
        "Ethereum chain": stack.chain.node.rpc_url,
        "anchor contract": stack.chain.contract.account,
        "log key": keys.log_key.text,
        "witness policy": str(stack.vouching.policy_file),
        "election": f"{stack.tally.url}/elections/{uuid}",
        "board": f"{stack.ballots[0].url}/elections/{uuid}/ballots",
        "officers' keys": str(keys.roster_file.parent),
        "their password": OFFICER_PASSWORD,
        "trustee keys": str(directory / "trustees"),
        "a voter's card": str(directory / _CARD),
        "cards' authorities": str(stack.ca_bundle_file),
        "receipt key": str(keys.receipt_key_file),
        "auditor's key": str(keys.auditor_key_file),
        "logs": str(directory / "logs"),
    }


def _settings(stack: Stack, uuid: str) -> str:
    """For a shell: what tells ``evote`` the addresses, and that Sato of the staff is at the keyboard."""
    keys = stack.identities
    settings = {
        "EVOTE_TALLY_URL": stack.tally.url,
        "EVOTE_AUTH_URL": stack.auth.url,
        "EVOTE_LOG": stack.ledger_anchor.url,
        "EVOTE_OFFICER_KEY": str(keys.officer_key_files[keys.staff.sato.identifier]),
        "EVOTE_OFFICER_PASSWORD": OFFICER_PASSWORD,
        "EVOTE_AUDITOR_KEY": str(keys.officer_key_files[keys.staff.kato.identifier]),
        "ELECTION": uuid,
    }
    return "".join(f"export {name}={shlex.quote(value)}\n" for name, value in settings.items())


def _publish(path: Path, text: str) -> None:
    draft = path.with_name(f"{path.name}.new")
    draft.touch(mode=0o600)
    draft.write_text(text)
    draft.replace(path)


def _services() -> Mapping[str, str]:
    if _running_pid() is None or not _ADDRESSES.exists():
        raise StandingFailed("nothing is running: make up starts it")
    services: dict[str, str] = json.loads(_SERVICES.read_text())
    return services


def _state(url: str) -> tuple[bool, str]:
    """Whether a service is well, and what it says that it lacks; where nothing, who does its arithmetic."""
    try:
        response = httpx.get(f"{url}/statusz", timeout=5)
    except httpx.TransportError as error:
        return False, f"does not answer ({type(error).__name__})"
    checks = response.json()["checks"]
    if response.status_code == 200:
        return True, f"ok, {checks['arithmetic']['detail']}" if "arithmetic" in checks else "ok"
    return False, "; ".join(f"{name}: {check['detail']}" for name, check in checks.items() if not check["ok"])


def _running_pid() -> int | None:
    """The process that ``up`` started, if it is still that process and not another with its number."""
    try:
        pid = int(_PID.read_text())
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
    except (OSError, ValueError):
        return None
    return pid if b"evote_local.main" in command else None
