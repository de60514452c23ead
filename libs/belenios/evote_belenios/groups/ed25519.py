"""The group Ed25519 through libsodium (specification, "Ed25519"; RFC 7748, RFC 8032)."""

from __future__ import annotations

import re
from typing import cast

from nacl import bindings as sodium
from nacl.exceptions import RuntimeError as SodiumRefusal

from ..errors import EncodingError
from .base import Element, Power

_TEXT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_IDENTITY = b"\x01" + bytes(31)
_ORDER = 2**252 + 27742317777372353535851937790883648493


class Ed25519:
    """Elements are libsodium's 32-byte compressed points (little-endian)."""

    name = "Ed25519"
    order = _ORDER
    identity = cast(Element, _IDENTITY)
    generator = cast(Element, sodium.crypto_scalarmult_ed25519_base_noclamp((1).to_bytes(32, "little")))

    def multiply(self, left: Element, right: Element) -> Element:
        return cast(Element, sodium.crypto_core_ed25519_add(_point(left), _point(right)))

    def divide(self, left: Element, right: Element) -> Element:
        return cast(Element, sodium.crypto_core_ed25519_sub(_point(left), _point(right)))

    def power(self, base: Element, exponent: int) -> Element:
        scalar = exponent % _ORDER
        point = _point(base)
        # libsodium refuses these two, because to a key exchange they mean an attack; to us they are algebra.
        if scalar == 0 or point == _IDENTITY:
            return self.identity
        return cast(Element, sodium.crypto_scalarmult_ed25519_noclamp(scalar.to_bytes(32, "little"), point))

    def power_generator(self, exponent: int) -> Element:
        scalar = exponent % _ORDER
        if scalar == 0:
            return self.identity
        return cast(Element, sodium.crypto_scalarmult_ed25519_base_noclamp(scalar.to_bytes(32, "little")))

    def fixed_base(self, base: Element) -> Power:
        return lambda exponent: self.power(base, exponent)

    def encode(self, element: Element) -> str:
        # The spec writes the 256-bit number; libsodium's bytes are its little-endian form.
        return _point(element)[::-1].hex()

    def decode(self, text: str) -> Element:
        if not _TEXT.fullmatch(text):
            raise _refusal("an element is 64 lower-case hexadecimal digits")
        point = bytes.fromhex(text)[::-1]
        # Canonical, on the curve, in the prime-order subgroup and not small-order.
        try:
            valid = sodium.crypto_core_ed25519_is_valid_point(point)
        except SodiumRefusal:
            valid = False
        if not valid:
            raise _refusal("not a canonical point of the prime-order subgroup")
        return cast(Element, point)

    def decode_or_identity(self, text: str) -> Element:
        return self.identity if text == self.encode(self.identity) else self.decode(text)


def _point(element: Element) -> bytes:
    return cast(bytes, element)


def _refusal(detail: str) -> EncodingError:
    return EncodingError("group-element", "Ed25519", detail)


ED25519 = Ed25519()
