"""What a trustee keeps on the key machine: the key, and the record of each ceremony beside it.

Both files are readable by their owner alone. The record holds what must be the same in every later
step: whose word on the log counts and how far the log was seen, the ceremony whose code was compared, the own
polynomial between commitment and reveal, everybody's commitments as they were before revealing, and the one encrypted
tally that this trustee decrypts.
"""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, cast

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from evote_belenios.channel import TrusteeSecret
from evote_belenios.errors import BeleniosError

from .errors import KeyFileExists, KeyFileUnreadable, RecordUnreadable

Randomness = Callable[[int], bytes]
_IDENTITY = b"tsukuba-evote trustee identity v1"


@dataclass(frozen=True)
class SeenCheckpoint:
    """A checkpoint that witnesses had cosigned: ``root`` in hexadecimal."""

    size: int
    root: str


@dataclass(frozen=True)
class CeremonyRecord:
    """What a trustee remembers of one election's ceremony. Texts are the exact messages."""

    election_uuid: str
    trustee: int
    witness_policy: str
    """As it was at the first step: a server can't put other witnesses into their place later."""
    seen: SeenCheckpoint | None = None
    certificate: str | None = None
    ceremony_sha256: str | None = None
    """Of the ceremony whose code was compared with the other trustees."""
    certificates: tuple[str, ...] = ()
    """Everybody's certificates, as they were when the own polynomial was made."""
    polynomial: str | None = field(default=None, repr=False)
    commitments: tuple[str, ...] = ()
    """Everybody's commitments, as they were before the own polynomial was revealed."""
    voutput: str | None = field(default=None, repr=False)
    confirmation: str | None = None
    """The own signed statement about the final texts."""
    decrypted_tally_sha256: str | None = None


def create_key_file(path: Path, random: Randomness) -> TrusteeSecret:
    """Make a key and write it to a new file, readable by the owner alone.

    Raises:
        KeyFileExists: a key is never overwritten.
    """
    secret = TrusteeSecret.generate(random)
    write_new_key(path, secret.reveal())
    return secret


def read_key_file(path: Path) -> TrusteeSecret:
    """Read a key.

    Raises:
        KeyFileUnreadable: it is missing, not a key, or others may read it.
    """
    try:
        return TrusteeSecret.from_text(read_key(path))
    except ValueError as error:
        raise KeyFileUnreadable(path, str(error)) from error
    except BeleniosError as error:
        raise KeyFileUnreadable(path, error.detail) from error


def identity_of(secret: TrusteeSecret) -> Ed25519PrivateKey:
    """The key that the trustee signs with, derived from the secret: one file to keep, and one to restore."""
    derived = HKDF(hashes.SHA256(), 32, salt=None, info=_IDENTITY).derive(secret.reveal().encode())
    return Ed25519PrivateKey.from_private_bytes(derived)


def write_new_key(path: Path, text: str) -> None:
    """Write the text of any private key to a new file; raises as :func:`create_key_file`."""
    try:
        _write_private(path, text + "\n", os.O_EXCL)
    except FileExistsError as error:
        raise KeyFileExists(path) from error
    except OSError as error:
        raise KeyFileUnreadable(path, str(error.strerror)) from error


def read_key(path: Path) -> str:
    """The text of any private key; raises as :func:`read_key_file`."""
    try:
        if path.stat().st_mode & 0o077:
            raise KeyFileUnreadable(path, f"他の人も読める設定です。次を実行してください: chmod 600 {path}")
        return path.read_text("utf-8")
    except (OSError, ValueError) as error:
        raise KeyFileUnreadable(path, str(error)) from error


class RecordKeeper:
    """Keeps the ceremony records in the key file's folder."""

    def __init__(self, key_file: Path) -> None:
        self._key_file = key_file

    def path(self, election_uuid: str) -> Path:
        """Where the record of an election is kept."""
        return self._key_file.with_name(f"{self._key_file.name}.{election_uuid}.json")

    def find(self, election_uuid: str) -> CeremonyRecord | None:
        """The record of an election; None before its first step.

        Raises:
            RecordUnreadable: it is damaged.
        """
        path = self.path(election_uuid)
        try:
            record = CeremonyRecord(**json.loads(path.read_text("utf-8")))
            seen = None if record.seen is None else SeenCheckpoint(**cast("dict[str, Any]", record.seen))
        except FileNotFoundError:
            return None
        except (OSError, ValueError, TypeError) as error:
            raise RecordUnreadable(path, str(error)) from error
        return replace(
            record, seen=seen, certificates=tuple(record.certificates), commitments=tuple(record.commitments)
        )

    def save(self, record: CeremonyRecord) -> None:
        """Replace the record; a crash leaves either the old or the new one."""
        path = self.path(record.election_uuid)
        draft = path.with_name(f"{path.name}.new")
        _write_private(draft, json.dumps(asdict(record), ensure_ascii=False), os.O_TRUNC)
        draft.replace(path)


def _write_private(path: Path, text: str, mode: int) -> None:
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | mode, 0o600)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
