"""An emulated card in a file: what it holds, and the retry counters as they are at every moment. For tests only.

One program at a time has the card, as one reader has it. A counter survives the program that is killed; whether it
survives a machine that loses its power is up to the file system.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from .emulator import EmulatedCard, KeySlot
from .files import DIGITAL_SIGNATURE, USER_AUTHENTICATION, KeyFiles


class CardFileDamaged(Exception):
    """The file holds no card: ``path``. Nothing in it is quoted, for it may be a key."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} holds no card; write it anew with save_card")
        self.path = path


@dataclass(frozen=True)
class _StoredSlot:
    """A key slot as JSON: certificates (DER) and key (PKCS #8) in base64."""

    certificate: str
    issuer: str
    key: str = field(repr=False)
    pin: str = field(repr=False)
    tries_left: int


def save_card(card: EmulatedCard, path: Path) -> None:
    """Write the card, replacing an earlier file in one step; its owner alone can read it."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump([asdict(_stored(slot)) for slot in card.slots], file)
    draft.replace(path)


def load_card(path: Path) -> EmulatedCard:
    """The card of a file; every change of a retry counter is written back before the card answers.

    Raises ``CardFileDamaged`` when the file holds no card, ``OSError`` when it can't be read.
    """
    content = path.read_bytes()
    try:
        user, signature = (_StoredSlot(**document) for document in json.loads(content))
        slots = _slot(USER_AUTHENTICATION, user), _slot(DIGITAL_SIGNATURE, signature)
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:
        raise CardFileDamaged(path) from error
    return EmulatedCard(*slots, keep=lambda card: save_card(card, path))


def _stored(slot: KeySlot) -> _StoredSlot:
    key = slot.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return _StoredSlot(_encode(slot.certificate), _encode(slot.issuer), _encode(key), slot.pin, slot.tries_left)


def _slot(files: KeyFiles, stored: _StoredSlot) -> KeySlot:
    # The primes aren't tested anew: it takes longer than all else that a card does, for each of a crowd's thousands.
    der = base64.b64decode(stored.key, validate=True)
    key = load_der_private_key(der, None, unsafe_skip_rsa_key_validation=True)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("a card has RSA keys")
    if stored.tries_left < 0:
        raise ValueError("a counter isn't negative")
    certificate = base64.b64decode(stored.certificate, validate=True)
    issuer = base64.b64decode(stored.issuer, validate=True)
    return KeySlot(files, certificate, issuer, key, stored.pin, stored.tries_left)


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
