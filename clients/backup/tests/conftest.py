"""A key for backups, a folder for sets, and the program as an operator calls it."""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from evote_backup.main import main
from evote_backup.manifest import MANIFEST
from evote_backup.sealing import create_identity

PEM = b"-----BEGIN PRIVATE KEY-----\nof nobody\n"


def fingerprint(folder: Path) -> str:
    """As anybody computes it."""
    return hashlib.sha256((folder / MANIFEST).read_bytes()).hexdigest()


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


@dataclass
class Operator:
    """Whoever makes backups, in a room of their own."""

    directory: Path
    run: Callable[..., Said]

    def __post_init__(self) -> None:
        self.sets = self.directory / "sets"
        self.sets.mkdir()
        self.identity = self.directory / "backup-key"
        self.recipient = str(create_identity(self.identity))
        self.keys = self.directory / "keys"
        self.keys.mkdir()
        (self.keys / "log-key.pem").write_bytes(PEM)
        (self.keys / "log-key.pem").chmod(0o600)

    def make(self, *options: str | Path, days: int = 30) -> Said:
        until = (datetime.now(UTC) + timedelta(days=days)).date()
        return self.run(
            "make", "--into", self.sets, "--to", self.recipient, "--keep-until", until.isoformat(), *options
        )

    def made(self, *options: str | Path, days: int = 30) -> Path:
        """The set, which is made."""
        said = self.make(*options, days=days)
        assert said.status == 0, said.err
        return Path(said.out.splitlines()[0])

    def check(self, *sets: Path) -> Said:
        return self.run("check", *sets, "--identity", self.identity)

    def restore(self, folder: Path, *options: str | Path, noted: str | None = None) -> Said:
        asked = ("--fingerprint", noted or fingerprint(folder))
        return self.run("restore", folder, "--identity", self.identity, *asked, *options)


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    def called(*words: str | Path) -> Said:
        monkeypatch.setattr(sys, "argv", ["evote-backup", *map(str, words)])
        try:
            status = main()
        except SystemExit as ended:
            status = int(str(ended.code))
        said = capsys.readouterr()
        return Said(status, said.out, said.err)

    return called


@pytest.fixture
def operator(tmp_path: Path, run: Callable[..., Said]) -> Operator:
    return Operator(tmp_path, run)
