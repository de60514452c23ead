"""Sealing an answer to a device, and a typed code to auth, by HPKE (RFC 9180): base mode, X25519, HKDF-SHA256,
AES-256-GCM.

Base mode says who can open, not who sealed. ``info`` holds what is in it, the election, the occasion and the device
key: what was sealed for one occasion does not open as another's.
"""

from __future__ import annotations

import base64
from enum import StrEnum

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.hpke import AEAD, KDF, KEM, Suite

from .keys import DeviceKey, DeviceKeys
from .requests import Occasion

_SUITE = Suite(KEM.X25519, KDF.HKDF_SHA256, AEAD.AES_256_GCM)


class SealBroken(Exception):
    """Not sealed to this key for this purpose, or changed on the way."""


class Contents(StrEnum):
    """What is sealed; part of ``info``, so that neither passes for the other."""

    CREDENTIAL = "tsukuba-evote sealed credential v1"
    VOTING_CODE = "tsukuba-evote sealed voting code v1"
    NAME = "tsukuba-evote sealed name v1"


def seal(contents: Contents, text: str, occasion: Occasion) -> str:
    """Base64 of the encapsulated key (32 bytes) and the ciphertext; another one each time."""
    return _seal(text, occasion.device_key.sealing, _info(contents, occasion))


def unseal(contents: Contents, sealed: str, keys: DeviceKeys, election_uuid: str, occasion_id: str) -> str:
    """What the device does with the answer; raises :class:`SealBroken`."""
    return _unseal(sealed, keys.sealing, _info(contents, Occasion(election_uuid, occasion_id, keys.public)))


def seal_typed_code(typed: str, recipient: X25519PublicKey, election_uuid: str, device_key: DeviceKey) -> str:
    """What the device sends for a voting code that its voter typed.

    The code is good for an order that names this device key and no other: who ends TLS can't read it, nor send it with
    a key of their own.

    Args:
        recipient: auth's, which the page has from the city and not from auth.
    """
    return _seal(typed, recipient, _code_info(election_uuid, device_key))


def unseal_typed_code(sealed: str, key: X25519PrivateKey, election_uuid: str, device_key: DeviceKey) -> str:
    """What the voter typed; raises :class:`SealBroken`."""
    return _unseal(sealed, key, _code_info(election_uuid, device_key))


def _seal(text: str, recipient: X25519PublicKey, info: bytes) -> str:
    return base64.b64encode(_SUITE.encrypt(text.encode(), recipient, info)).decode()


def _unseal(sealed: str, key: X25519PrivateKey, info: bytes) -> str:
    try:
        return _SUITE.decrypt(base64.b64decode(sealed, validate=True), key, info).decode()
    except (InvalidTag, ValueError):
        raise SealBroken from None


def _code_info(election_uuid: str, device_key: DeviceKey) -> bytes:
    return f"tsukuba-evote typed voting code v1\n{election_uuid}\n{device_key.text}\n".encode("ascii")


def _info(contents: Contents, occasion: Occasion) -> bytes:
    facts = occasion.facts
    return f"{contents}\n{facts['election_uuid']}\n{facts['occasion_id']}\n{facts['device_key']}\n".encode("ascii")
