"""Why a backup isn't made, doesn't hold, or isn't put back."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path


class BackupRefused(Exception):
    """Nothing was made or put back; the message says what to do."""


class BrokerRuns(BackupRefused):
    """A broker writes into the folder. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}: a broker runs on this folder, and files that change can not be copied. Stop the broker, or give"
            " a snapshot of its volume"
        )
        self.path = path


class NotKafka(BackupRefused):
    """No log folder of a broker, or not one of those that were given together. Fields: ``path``, ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}. Give each folder of the brokers' log.dirs, all of one cluster")
        self.path = path
        self.reason = reason


class MustNotComeBack(BackupRefused):
    """A file that does harm when an older copy is put back. Fields: ``path``, ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}. Keep it in another folder than what is backed up")
        self.path = path
        self.reason = reason


class BiometricApart(BackupRefused):
    """Faces' templates in one set with something that is kept for longer."""

    def __init__(self) -> None:
        super().__init__(
            "faces' templates are erased when their election is certified, and their backups with them: make a set"
            " of --schema biometric alone, with an end of its own"
        )


class UnusableKey(BackupRefused):
    """No key of age's. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ProgramMissing(BackupRefused):
    """A program that does the work isn't installed. Field: ``program``."""

    def __init__(self, program: str, package: str) -> None:
        super().__init__(f"{program} is missing: install it (Debian: apt-get install {package})")
        self.program = program


class ProgramFailed(BackupRefused):
    """A program ended with an error. Fields: ``program``, ``said``."""

    def __init__(self, program: str, status: int, said: str) -> None:
        super().__init__(f"{program} ended with status {status}: {said}")
        self.program = program
        self.said = said


class NoSet(BackupRefused):
    """A folder that isn't a finished set. Fields: ``path``, ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path} is no backup: {reason}")
        self.path = path
        self.reason = reason


class Damaged(BackupRefused):
    """A set that isn't what was made. Fields: ``path``, ``reasons``."""

    def __init__(self, path: Path, reasons: Sequence[str]) -> None:
        super().__init__(f"{path} is not what was made: {'; '.join(reasons)}. Take another copy of it, or another set")
        self.path = path
        self.reasons = tuple(reasons)


class CannotOpen(BackupRefused):
    """The key opens nothing here. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"{path}: this key doesn't open it: it is sealed to others (the manifest names them), or changed"
        )
        self.path = path


class OtherSet(BackupRefused):
    """Not the set that was noted when it was made. Field: ``path``."""

    def __init__(self, path: Path, fingerprint: str) -> None:
        super().__init__(
            f"{path} has the fingerprint {fingerprint}, which is not the one that you gave: anybody can seal a set to a"
            " public key. Compare with what was noted when it was made"
        )
        self.path = path


class KeptTooLong(BackupRefused):
    """A set behind its end. Field: ``path``."""

    def __init__(self, path: Path, end: date) -> None:
        super().__init__(f"{path} was to be kept until {end}: what it holds is to be erased, with this copy")
        self.path = path


class NotEmpty(BackupRefused):
    """Something is where the backup would go. Field: ``place``."""

    def __init__(self, place: str) -> None:
        super().__init__(f"{place} is there already: a backup is put into an empty place, and never over anything")
        self.place = place
