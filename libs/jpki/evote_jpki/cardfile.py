"""An emulated card in a file: what it holds, and the retry counters as they are at every moment. For tests only."""

from __future__ import annotations

import base64
import json
import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)

from .emulator import EmulatedCard, KeySlot
from .files import DIGITAL_SIGNATURE, USER_AUTHENTICATION, KeyFiles


def save_card(card: EmulatedCard, path: Path) -> None:
    """Write the card, replacing an earlier file in one step; its owner alone can read it."""
    draft = path.with_name(f"{path.name}.new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        json.dump([_document(slot) for slot in card.slots], file)
    draft.replace(path)


def load_card(path: Path) -> EmulatedCard:
    """The card of a file; every change of a retry counter is written back before the card answers."""
    user, signature = json.loads(path.read_text("ascii"))
    return EmulatedCard(
        _slot(USER_AUTHENTICATION, user), _slot(DIGITAL_SIGNATURE, signature), keep=lambda card: save_card(card, path)
    )


def _document(slot: KeySlot) -> dict[str, Any]:
    key = slot.key.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    return {
        "certificate": _encode(slot.certificate),
        "issuer": _encode(slot.issuer),
        "key": _encode(key),
        "pin": slot.pin,
        "tries_left": slot.tries_left,
    }


def _slot(files: KeyFiles, document: dict[str, Any]) -> KeySlot:
    key = load_der_private_key(base64.b64decode(document["key"]), None)
    if not isinstance(key, rsa.RSAPrivateKey):
        raise ValueError("a card has RSA keys")
    return KeySlot(
        files,
        base64.b64decode(document["certificate"]),
        base64.b64decode(document["issuer"]),
        key,
        document["pin"],
        document["tries_left"],
    )


def _encode(content: bytes) -> str:
    return base64.b64encode(content).decode()
