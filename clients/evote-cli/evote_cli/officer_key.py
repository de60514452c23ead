"""An officer's key file, for its owner alone: a key under a password, or the place of one in a token."""

from __future__ import annotations

import secrets
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from evote_officers.key_file import NotAKeyFile, WrongPassword, key_file_text, open_key_file
from evote_officers.signing import Officer

from .errors import KeyFileExists, KeyFileUnreadable
from .keyfile import read_key, write_new_key
from .officer_token import NotATokenFile, TokenPin, make_token_key, open_token_file, token_file_text

_KEY_ID_BYTES = 16


def write_officer_key(path: Path, deployment: str, identifier: str, key: Ed25519PrivateKey, password: str) -> None:
    """Write a new key file, readable by its owner alone and opened by the password; raises ``KeyFileExists``."""
    write_new_key(path, key_file_text(deployment, identifier, key, password))


def write_token_key(path: Path, deployment: str, identifier: str, where: TokenPin) -> Ed25519PublicKey:
    """Make a key in a token and write a new key file that names it; returns the public half.

    Raises:
        KeyFileExists: nothing was made.
        CommandFailed: the token doesn't answer, refuses the PIN, or makes no such keys.
    """
    if path.exists():
        raise KeyFileExists(path)
    place, key = make_token_key(where, secrets.token_bytes(_KEY_ID_BYTES))
    write_new_key(path, token_file_text(deployment, identifier, place))
    return key


def read_officer_key(path: Path, password: str) -> Officer:
    """The officer of a key file, able to sign; ``password`` is the token's PIN where the key is in one.

    Raises:
        KeyFileUnreadable: it is missing, none, another password's, or others may read it.
        CommandFailed: the token doesn't answer, refuses the PIN, or has no such key.
    """
    text = read_key(path)
    try:
        return open_token_file(text, password)
    except NotATokenFile:
        pass
    try:
        return open_key_file(text, password)
    except WrongPassword as error:
        raise KeyFileUnreadable(path, "パスワードが違うか、職員の鍵ではありません") from error
    except NotAKeyFile as error:
        raise KeyFileUnreadable(path, "職員の鍵ではありません") from error
