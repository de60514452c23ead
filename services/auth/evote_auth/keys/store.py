"""Where the elections' keys are; nothing here waits for anybody but the token."""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Protocol

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from ..domain.credentials import CredentialKey


class KeyStoreUnavailable(Exception):
    """The token doesn't answer; nothing was derived. Field: ``reason``, for operators."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the credential keys' token doesn't answer: {reason}")
        self.reason = reason


class KeyStore(Protocol):
    """What a replica asks of the place where the keys are. One caller at a time."""

    def key_of(self, election_uuid: str) -> CredentialKey:
        """The election's key; ``NoCredentialKey`` unless there is exactly one, ``KeyStoreUnavailable``."""

    def check(self) -> None:
        """Raise ``KeyStoreUnavailable`` when no key could be used now."""

    def close(self) -> None:
        """Leave nothing open."""


class FileKeys:
    """Keys of all elections from one secret in memory: for development. It doesn't print."""

    def __init__(self, secret: bytes) -> None:
        """``ValueError`` when there are fewer than 32 bytes."""
        if len(secret) < 32:
            raise ValueError("the master key needs at least 32 bytes")
        self._secret = secret

    def __repr__(self) -> str:
        return "FileKeys(…)"

    def key_of(self, election_uuid: str) -> CredentialKey:
        info = f"tsukuba-evote election key|{election_uuid}".encode()
        return _SecretKey(HKDF(hashes.SHA256(), 32, salt=None, info=info).derive(self._secret))

    def check(self) -> None:
        """A secret in memory is there."""

    def close(self) -> None:
        """Nothing is open."""


@dataclass(frozen=True)
class _SecretKey:
    _secret: bytes = field(repr=False)

    def mac(self, message: bytes) -> bytes:
        return hmac.digest(self._secret, message, "sha256")
