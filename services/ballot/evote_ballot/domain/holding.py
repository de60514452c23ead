"""Challenges for holders of credentials: any replica can tell those that one of them gave out, and none keeps them."""

from __future__ import annotations

import hashlib
import hmac
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from .refusals import StaleChallenge

LASTS_MIN: Final = 5
"""So many full minutes a challenge is good for."""


def challenge_key(receipt_key: Ed25519PrivateKey) -> bytes:
    """The secret of all replicas that challenges are made with: it follows from the key that they share."""
    kdf = HKDF(algorithm=SHA256(), length=32, salt=None, info=b"evote-holder-challenge")
    return kdf.derive(receipt_key.private_bytes_raw())


def new_challenge(key: bytes, election_uuid: str, now: datetime) -> str:
    """Its last minute, and the word of this service for it. Who overhears an answer may use it as long."""
    return _challenge(key, election_uuid, _minute(now) + LASTS_MIN)


def check_challenge(key: bytes, election_uuid: str, challenge: str, now: datetime) -> None:
    """Raise ``StaleChallenge`` unless a replica gave it out for this election, and not long ago."""
    last, _, _ = challenge.partition(".")
    if not (last.isascii() and last.isdigit() and len(last) <= 12):
        raise StaleChallenge
    genuine = hmac.compare_digest(challenge.encode(), _challenge(key, election_uuid, int(last)).encode())
    if not genuine or _minute(now) > int(last):
        raise StaleChallenge


def _challenge(key: bytes, election_uuid: str, last_minute: int) -> str:
    text = f"{election_uuid}|{last_minute}"
    return f"{last_minute}.{hmac.new(key, text.encode(), hashlib.sha256).hexdigest()}"


def _minute(now: datetime) -> int:
    return int(now.timestamp()) // 60
