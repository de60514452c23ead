"""Sealing an answer to a device: HPKE (RFC 9180), base mode, X25519, HKDF-SHA256, AES-256-GCM.

Base mode says who can open, not who sealed. ``info`` holds what is in it, the election, the occasion and the device
key: what was sealed for one occasion does not open as another's.
"""

from __future__ import annotations

import base64
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from .keys import DeviceKeys
from .requests import Occasion

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBroken(Exception):
    """Not sealed to this device for this occasion, or changed on the way."""


class Contents(StrEnum):
    """What is sealed; part of ``info``, so that neither passes for the other."""

    CREDENTIAL = "tsukuba-evote sealed credential v1"
    VOTING_CODE = "tsukuba-evote sealed voting code v1"


def seal(contents: Contents, text: str, occasion: Occasion) -> str:
    """Base64 of the encapsulated key (32 bytes) and the ciphertext; another one each time."""
    sealed = _SUITE.encrypt(text.encode(), occasion.device_key.sealing, _info(contents, occasion))
    return base64.b64encode(sealed).decode()


def unseal(contents: Contents, sealed: str, keys: DeviceKeys, election_uuid: str, occasion_id: str) -> str:
    """What the device does with the answer; raises :class:`SealBroken`."""
    occasion = Occasion(election_uuid, occasion_id, keys.public)
    try:
        raw = base64.b64decode(sealed, validate=True)
        return _SUITE.decrypt(raw, keys.sealing, _info(contents, occasion)).decode()
    except (InvalidTag, ValueError):
        raise SealBroken from None


def _info(contents: Contents, occasion: Occasion) -> bytes:
    facts = occasion.facts
    return f"{contents}\n{facts['election_uuid']}\n{facts['occasion_id']}\n{facts['device_key']}\n".encode("ascii")
