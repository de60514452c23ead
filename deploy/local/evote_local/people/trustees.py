"""The trustees of a mock referendum: each with a key file and `evote trustee`'s own steps."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from evote_belenios.channel import TrusteeSecret
from evote_ceremony.code import CeremonyCode
from evote_cli.client import ServiceClient
from evote_cli.dialogue import FromArguments
from evote_cli.errors import CommandFailed, LogRefused, NotCountedYet, NothingToDo
from evote_cli.keyfile import RecordKeeper, create_key_file, identity_of, read_key_file
from evote_cli.log_view import LogView, read_log
from evote_cli.message import Message, read_message
from evote_cli.trustee import STEPS, ceremony_code, sign_step
from evote_officers.signing import Officer
from evote_statements.keys import key_text

PROGRAM = "evote_cli.main"
"""The module of the trustees' program."""
_LOGGED_WITHIN_S = 60
_POLL_S = 0.2
Done = TypeVar("Done")


class LocalTrustee:
    """One trustee: the key stays in a file of their own, and only messages reach tally."""

    def __init__(
        self,
        number: int,
        *,
        tally_url: str,
        log_url: str,
        policy_file: Path,
        auditor: Officer,
        auditor_key: tuple[Path, str],
        directory: Path,
    ) -> None:
        """Make the trustee's key in ``directory``; ``policy_file`` says which witnesses they trust.

        A stack may hold several elections: with an auditor's key a trustee sees all of the log while one is open.
        ``auditor_key`` is its file, and the password that opens it.
        """
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.name = f"立会人{number}"
        self._tally_url = tally_url
        self._log_url = log_url
        self._policy_file = policy_file
        self._auditor = auditor
        self._auditor_key = auditor_key
        self._key_file = directory / f"trustee-{number}.key"
        create_key_file(self._key_file, secrets.token_bytes)

    @property
    def line(self) -> str:
        """What the trustee hands to the officers."""
        return key_text(identity_of(self._secret()).public_key())

    def do_step(self, election_uuid: str, step: str, heard: CeremonyCode | None) -> None:
        """Do a step of the ceremony, as soon as the log shows that it is this trustee's turn.

        Args:
            step: of :data:`STEPS`. Until the log shows the one before, which tally has, that is still the next one.
            heard: the code that another trustee read out, once certificates are complete.
        """
        person = FromArguments(None if heard is None else heard.text, approved=True)

        def sign() -> Message:
            log = self._log()
            message = sign_step(self._secret(), self._records(), log, election_uuid, person, secrets.token_bytes)
            if message.step != step:
                raise NothingToDo(f"{self.name}: the log does not show yet what tally has of the step before {step}")
            return message

        self._submit(_as_soon_as_logged(sign))

    def code(self, election_uuid: str) -> CeremonyCode:
        """What this trustee reads out to the others."""
        return _as_soon_as_logged(lambda: ceremony_code(self._secret(), self._log(), election_uuid))

    def decrypt(self, archive: Path) -> None:
        """Verify archive and log, and only then send a partial decryption.

        By the trustees' own program: each has a machine, here a core, and none waits for another's. Raises
        ``CommandFailed`` when it refuses.
        """
        out = self._key_file.with_suffix(".decryption.json")
        auditor_file, password = self._auditor_key
        options = {
            "--key-file": self._key_file,
            "--archive": archive,
            "--log": self._log_url,
            "--witness-policy": self._policy_file,
            "--auditor-key": auditor_file,
            "--out": out,
        }
        command = [sys.executable, "-m", PROGRAM, "trustee", "decrypt"]
        command += [str(word) for option in options.items() for word in option]
        environment = {**os.environ, "EVOTE_OFFICER_PASSWORD": password}

        def run() -> None:
            done = subprocess.run(command, env=environment, check=False, capture_output=True, text=True)  # noqa: S603
            if done.returncode == NotCountedYet.exit_status:
                raise NotCountedYet(done.stderr.strip())
            if done.returncode:
                raise CommandFailed(f"{self.name}: evote trustee decrypt: {done.stderr.strip()}")

        _as_soon_as_logged(run)
        self._submit(read_message(out))

    def _submit(self, message: Message) -> None:
        with ServiceClient(self._tally_url) as client:
            client.put(message.path, message.body, lambda _: None)

    def _log(self) -> LogView:
        return read_log(self._log_url, self._policy_file.read_text(), _nobody_watches, self._auditor)

    def _secret(self) -> TrusteeSecret:
        return read_key_file(self._key_file)

    def _records(self) -> RecordKeeper:
        return RecordKeeper(self._key_file)


def make_keys(trustees: Sequence[LocalTrustee], election_uuid: str) -> None:
    """All trustees do each step of the ceremony before anyone does the next; codes are read to the neighbour."""
    heard: dict[LocalTrustee, CeremonyCode | None] = dict.fromkeys(trustees)
    for step in STEPS[:-1]:
        if step == "commitment":
            codes = [trustee.code(election_uuid) for trustee in trustees]
            heard = dict(zip(trustees, [*codes[1:], codes[0]], strict=True))
        for trustee in trustees:
            trustee.do_step(election_uuid, step, heard[trustee])


def confirm_setup(trustees: Sequence[LocalTrustee], election_uuid: str) -> None:
    """All trustees confirm the final texts, once the roll is frozen."""
    for trustee in trustees:
        trustee.do_step(election_uuid, STEPS[-1], None)


def _as_soon_as_logged(act: Callable[[], Done]) -> Done:
    """What a trustee waits for stands in a cosigned checkpoint a moment after tally took it."""
    deadline = time.monotonic() + _LOGGED_WITHIN_S
    while True:
        try:
            return act()
        except (NothingToDo, NotCountedYet, LogRefused):
            if time.monotonic() > deadline:
                raise
        time.sleep(_POLL_S)


def _nobody_watches(_done: int, _total: int) -> None:
    return
