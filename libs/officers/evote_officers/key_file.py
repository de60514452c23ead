"""A person's key file: who the person is, and a private key under a password."""

from __future__ import annotations

import json
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    PrivateFormat,
    load_pem_private_key,
)

from .signing import Officer


class KeyFileUnusable(Exception):
    """A key file gives no key; the subclass says why."""


class NotAKeyFile(KeyFileUnusable):
    """It is something else, or holds a key of another kind."""


class WrongPassword(KeyFileUnusable):
    """The password doesn't open the key (or what stands in the key's place is none: the two look the same)."""


def key_file_text(deployment: str, identifier: str, key: Ed25519PrivateKey, password: str) -> str:
    """What a new key file holds."""
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(password.encode())).decode()
    return json.dumps({"deployment": deployment, "officer": identifier, "private_key": pem}, ensure_ascii=False)


def open_key_file(text: str | bytes, password: str) -> Officer:
    """The person of a key file, able to sign.

    Raises:
        NotAKeyFile, WrongPassword.
    """
    file = _parse(text)
    try:
        key = load_pem_private_key(file.private_key.encode(), password.encode())
    except (ValueError, TypeError) as error:
        raise WrongPassword from error
    if not isinstance(key, Ed25519PrivateKey):
        raise NotAKeyFile
    return Officer(file.deployment, file.officer, key)


@dataclass(frozen=True)
class _KeyFile:
    deployment: str
    officer: str
    private_key: str


def _parse(text: str | bytes) -> _KeyFile:
    try:
        document = json.loads(text)
        return _KeyFile(str(document["deployment"]), str(document["officer"]), str(document["private_key"]))
    except (ValueError, KeyError, TypeError) as error:
        raise NotAKeyFile from error
