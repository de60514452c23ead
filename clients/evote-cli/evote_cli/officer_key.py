"""An officer's key file: who the officer is, and a private key under a password."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)
from evote_officers.signing import Officer

from .errors import KeyFileUnreadable
from .keyfile import read_key, write_new_key


def write_officer_key(path: Path, deployment: str, identifier: str, key: Ed25519PrivateKey, password: str) -> None:
    """Write a new key file, readable by its owner alone and opened by the password; raises ``KeyFileExists``."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())).decode()
    document = {"deployment": deployment, "officer": identifier, "private_key": pem}
    write_new_key(path, json.dumps(document, ensure_ascii=False))


def read_officer_key(path: Path, password: str) -> Officer:
    """The officer of a key file, able to sign.

    Raises:
        KeyFileUnreadable: it is missing, none, another password's, or others may read it.
    """
    file = _parse(path)
    try:
        key = load_pem_private_key(file.private_key.encode(), password.encode())
    except (ValueError, TypeError) as error:
        raise KeyFileUnreadable(path, "パスワードが違うか、職員の鍵ではありません") from error
    if not isinstance(key, Ed25519PrivateKey):
        raise KeyFileUnreadable(path, "職員の鍵ではありません")
    return Officer(file.deployment, file.officer, key)


@dataclass(frozen=True)
class _KeyFile:
    deployment: str
    officer: str
    private_key: str


def _parse(path: Path) -> _KeyFile:
    try:
        document = json.loads(read_key(path))
        return _KeyFile(str(document["deployment"]), str(document["officer"]), str(document["private_key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise KeyFileUnreadable(path, "職員の鍵ではありません") from error
