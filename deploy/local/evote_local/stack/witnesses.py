"""Witnesses on this machine, each a real `evote-witness` with a key and a state of its own."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from evote_tlog.checkpoint import VerifierKey
from evote_tlog.cosignature import CosignerKey
from evote_tlog.policy import Group, Policy, PolicyLog, PolicyWitness, format_policy

from ..nodes.ports import LOOPBACK, free_port, is_listening
from ..nodes.processes import ChildProcess, ProcessFailed

_QUORUM = "quorum"


class LocalWitness:
    """One witness on a fixed port: it can be stopped or killed, and started again on the same state."""

    def __init__(self, name: str, directory: Path, log: VerifierKey, host: str = LOOPBACK) -> None:
        """``directory`` holds its key, its state and its log file; they are made when they are not there.

        ``host`` is this machine's address that others reach it at.
        """
        self.name = name
        self.directory = directory
        self.port = free_port()
        self._host = host
        self._log = log
        self._process: ChildProcess | None = None
        directory.mkdir(parents=True, exist_ok=True)
        self.key = self._make_key()

    @property
    def url(self) -> str:
        """Its submission prefix, which is also its monitoring prefix."""
        return f"http://{self._host}:{self.port}"

    @property
    def state_file(self) -> Path:
        """What it must not forget."""
        return self.directory / "witness.sqlite3"

    @property
    def log_path(self) -> Path:
        """What it wrote to its output."""
        return self.directory / "witness.log"

    def start(self, *, timeout_s: float = 60) -> None:
        """Start it and wait until it takes connections."""
        command = [*self._program("serve"), "--log", self._log.text, "--host", self._host, "--port", str(self.port)]
        self._process = ChildProcess(self.name, command, log_path=self.log_path)
        self._process.wait_until(lambda: is_listening(self.port, self._host), timeout_s=timeout_s)

    def stop(self) -> None:
        """Graceful stop; safe to repeat."""
        if self._process is not None:
            self._process.stop()

    def kill(self) -> None:
        """``kill -9``."""
        if self._process is not None:
            self._process.kill()

    def _make_key(self) -> CosignerKey:
        vkey_file = self.directory / "witness.vkey"
        if not vkey_file.exists():
            name = f"{self.name}.witness.example"
            command = [*self._program("keygen"), "--name", name]
            made = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 - our own program
            if made.returncode != 0:
                raise ProcessFailed(self.name, "made no key", made.stderr)
            vkey_file.write_text(made.stdout)
        return CosignerKey.parse(vkey_file.read_text().strip())

    def _program(self, command: str) -> list[str]:
        program = [sys.executable, "-m", "evote_witness.main", command]
        return [*program, "--key", str(self.directory / "witness.pem"), "--state", str(self.state_file)]


def define_witnesses(directory: Path, count: int, log: VerifierKey, host: str = LOOPBACK) -> list[LocalWitness]:
    """``count`` witnesses of one log, not started yet, each in a folder of its own under ``directory``."""
    names = [f"witness-{number}" for number in range(1, count + 1)]
    return [LocalWitness(name, directory / name, log, host) for name in names]


def majority_policy(witnesses: Sequence[LocalWitness], log: VerifierKey) -> str:
    """The text of the policy that asks for more than half of the witnesses."""
    members = tuple(PolicyWitness(witness.name, witness.key, witness.url) for witness in witnesses)
    group = Group(_QUORUM, len(witnesses) // 2 + 1, tuple(witness.name for witness in witnesses))
    return format_policy(Policy((PolicyLog(log),), members, (group,), _QUORUM))
