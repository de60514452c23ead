"""Two keys that a device makes for one occasion, written as one public line, the *device key*.

``ed25519-x25519:KEYS``: KEYS is the 32 bytes of an Ed25519 public key (RFC 8032), which signs the request, and then the
32 bytes of an X25519 public key (RFC 7748), to which the answer is sealed, in unpadded base64url (RFC 4648, section 5).
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from nacl.bindings import crypto_core_ed25519_is_valid_point
from pydantic import AfterValidator, Field
from pydantic_core import PydanticCustomError

_PREFIX = "ed25519-x25519:"
_PATTERN = r"^ed25519-x25519:[A-Za-z0-9_-]{86}$"
_FIELD_PRIME = 2**255 - 19
_ANY_SCALAR = X25519PrivateKey.from_private_bytes(b"\x01" * 32)
"""Multiplied with a point of low order, any scalar gives zero: X25519 scalars are multiples of eight."""


class DeviceKeyRefused(ValueError):
    """Not a device key, or one that protects nothing: of low order, or not written canonically."""


@dataclass(frozen=True)
class DeviceKey:
    """The public half; one key has one text, so that texts compare."""

    signing: Ed25519PublicKey
    sealing: X25519PublicKey

    @property
    def text(self) -> str:
        """As it stands in challenges, orders, verdicts, requests and evidence."""
        raw = self.signing.public_bytes_raw() + self.sealing.public_bytes_raw()
        return _PREFIX + base64.urlsafe_b64encode(raw).decode().rstrip("=")


@dataclass(frozen=True)
class DeviceKeys:
    """Both private keys; for one occasion, and forgotten after it."""

    signing: Ed25519PrivateKey = field(repr=False)
    sealing: X25519PrivateKey = field(repr=False)

    @property
    def public(self) -> DeviceKey:
        """What auth is told."""
        return DeviceKey(self.signing.public_key(), self.sealing.public_key())


def new_device_keys(random: Callable[[int], bytes]) -> DeviceKeys:
    """Fresh keys from ``random``, which gives that many secret bytes."""
    return DeviceKeys(Ed25519PrivateKey.from_private_bytes(random(32)), X25519PrivateKey.from_private_bytes(random(32)))


def parse_device_key(text: str) -> DeviceKey:
    """The keys of a line.

    Raises :class:`DeviceKeyRefused` for anything else than what :attr:`DeviceKey.text` writes, and for keys of low
    order: what is sealed to such an X25519 key can be opened by anybody, and such an Ed25519 key has signed everything.
    """
    if not re.fullmatch(_PATTERN, text, re.ASCII):
        raise DeviceKeyRefused("not a device key")
    raw = base64.urlsafe_b64decode(text.removeprefix(_PREFIX) + "==")
    signing, sealing = raw[:32], raw[32:]
    if not crypto_core_ed25519_is_valid_point(signing):
        raise DeviceKeyRefused("the signing key is no point of the prime-order group")
    if int.from_bytes(sealing, "little") >= _FIELD_PRIME:
        raise DeviceKeyRefused("the sealing key is not written canonically")
    key = DeviceKey(Ed25519PublicKey.from_public_bytes(signing), X25519PublicKey.from_public_bytes(sealing))
    try:
        _ANY_SCALAR.exchange(key.sealing)
    except ValueError:
        raise DeviceKeyRefused("the sealing key is of low order") from None
    if key.text != text:
        # 86 characters carry four bits more than 64 bytes.
        raise DeviceKeyRefused("not a device key's canonical line")
    return key


def _usable(text: str) -> str:
    try:
        parse_device_key(text)
    except DeviceKeyRefused as refused:
        raise PydanticCustomError("device_key", "must be a device key: {reason}", {"reason": str(refused)}) from None
    return text


DeviceKeyText = Annotated[str, Field(pattern=_PATTERN), AfterValidator(_usable)]
"""A device key as its line, checked as :func:`parse_device_key` does."""
