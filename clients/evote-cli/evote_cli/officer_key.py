"""An officer's key file on this machine: written for its owner alone, and opened by its password."""

from __future__ import annotations

from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers.key_file import NotAKeyFile, WrongPassword, key_file_text, open_key_file
from evote_officers.signing import Officer

from .errors import KeyFileUnreadable
from .keyfile import read_key, write_new_key


def write_officer_key(path: Path, deployment: str, identifier: str, key: Ed25519PrivateKey, password: str) -> None:
    """Write a new key file, readable by its owner alone and opened by the password; raises ``KeyFileExists``."""
    write_new_key(path, key_file_text(deployment, identifier, key, password))


def read_officer_key(path: Path, password: str) -> Officer:
    """The officer of a key file, able to sign.

    Raises:
        KeyFileUnreadable: it is missing, none, another password's, or others may read it.
    """
    try:
        return open_key_file(read_key(path), password)
    except WrongPassword as error:
        raise KeyFileUnreadable(path, "パスワードが違うか、職員の鍵ではありません") from error
    except NotAKeyFile as error:
        raise KeyFileUnreadable(path, "職員の鍵ではありません") from error
