"""Why a witness can't start."""

from __future__ import annotations

from pathlib import Path


class UnusableKey(Exception):
    """The key file holds no Ed25519 private key in PEM. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no Ed25519 private key in PEM (PKCS #8) without a password")
        self.path = path


class UnusableState(Exception):
    """The state file is missing, damaged, or another witness's. Fields: ``path`` and ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(f"{path}: {reason}")
        self.path = path
        self.reason = reason


class FileExists(Exception):
    """``keygen`` never overwrites. Field: ``path``."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} exists already: a witness's key and state are made once; choose other files")
        self.path = path
