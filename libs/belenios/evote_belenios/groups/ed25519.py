"""The group Ed25519 (specification, "Ed25519"; RFC 7748, RFC 8032), through libsodium or the compiled core."""

from __future__ import annotations

import re
from typing import Protocol, cast

from nacl import bindings as sodium
from nacl.exceptions import RuntimeError as SodiumRefusal

from .. import native
from ..errors import EncodingError
from .base import Element, MultipliedSum, Power, Sum

_TEXT = re.compile(r"[0-9a-f]{64}", re.ASCII)
_IDENTITY = b"\x01" + bytes(31)
_ORDER = 2**252 + 27742317777372353535851937790883648493


class _Arithmetic(Protocol):
    """Points and exponents as 32 bytes, little-endian; in the same time for each exponent, but for ``commitment``."""

    def add(self, left: bytes, right: bytes, /) -> bytes: ...

    def subtract(self, left: bytes, right: bytes, /) -> bytes: ...

    def power(self, base: bytes, exponent: bytes, /) -> bytes: ...

    def power_generator(self, exponent: bytes, /) -> bytes: ...

    def commitment(self, public: bytes, challenge: bytes, response: bytes, /) -> bytes: ...

    def is_element(self, point: bytes, /) -> bool: ...


class _Sodium:
    """libsodium's."""

    add = staticmethod(sodium.crypto_core_ed25519_add)
    subtract = staticmethod(sodium.crypto_core_ed25519_sub)

    def power(self, base: bytes, exponent: bytes, /) -> bytes:
        # libsodium refuses the identity and the exponent 0, because to a key exchange they mean an attack; to us they
        # are algebra. It looks at the exponent when it has done its work: asked before, a secret 0 would cost nothing.
        try:
            return sodium.crypto_scalarmult_ed25519_noclamp(exponent, base)
        except SodiumRefusal:
            if any(exponent) and base != _IDENTITY:
                raise
            return _IDENTITY

    def power_generator(self, exponent: bytes, /) -> bytes:
        try:
            return sodium.crypto_scalarmult_ed25519_base_noclamp(exponent)
        except SodiumRefusal:
            return _IDENTITY  # the exponent is 0

    def commitment(self, public: bytes, challenge: bytes, response: bytes, /) -> bytes:
        return self.add(self.power_generator(response), self.power(public, challenge))

    def is_element(self, point: bytes, /) -> bool:
        # Canonical, on the curve, in the prime-order subgroup and not small-order.
        try:
            return sodium.crypto_core_ed25519_is_valid_point(point)
        except SodiumRefusal:
            return False


_SODIUM = _Sodium()


class Ed25519:
    """Elements are 32-byte compressed points (little-endian)."""

    name = "Ed25519"
    order = _ORDER
    identity = cast(Element, _IDENTITY)
    generator = cast(Element, _SODIUM.power_generator((1).to_bytes(32, "little")))

    @property
    def arithmetic(self) -> str:
        return native.arithmetic()

    def multiply(self, left: Element, right: Element) -> Element:
        return cast(Element, _arithmetic().add(_point(left), _point(right)))

    def divide(self, left: Element, right: Element) -> Element:
        return cast(Element, _arithmetic().subtract(_point(left), _point(right)))

    def power(self, base: Element, exponent: int) -> Element:
        return self.secret_power(base, exponent)

    def power_generator(self, exponent: int) -> Element:
        return self.secret_power_generator(exponent)

    def secret_power(self, base: Element, exponent: int) -> Element:
        return cast(Element, _arithmetic().power(_point(base), _scalar(exponent)))

    def secret_power_generator(self, exponent: int) -> Element:
        return cast(Element, _arithmetic().power_generator(_scalar(exponent)))

    def secret_factor(self, bit: int) -> Element:
        return (self.identity, self.generator)[bit]

    def commitment(self, public: Element, challenge: int, response: int) -> Element:
        return cast(Element, _arithmetic().commitment(_point(public), _scalar(challenge), _scalar(response)))

    def sum(self) -> Sum:
        return MultipliedSum(self) if native.core is None else cast(Sum, native.core.Sum())

    def fixed_base(self, base: Element) -> Power:
        return lambda exponent: self.power(base, exponent)

    def secret_fixed_base(self, base: Element) -> Power:
        return lambda exponent: self.secret_power(base, exponent)

    def encode(self, element: Element) -> str:
        # The spec writes the 256-bit number; these bytes are its little-endian form.
        return _point(element)[::-1].hex()

    def decode(self, text: str) -> Element:
        if not _TEXT.fullmatch(text):
            raise _refusal("an element is 64 lower-case hexadecimal digits")
        point = bytes.fromhex(text)[::-1]
        if not _arithmetic().is_element(point):
            raise _refusal("not a canonical point of the prime-order subgroup")
        return cast(Element, point)

    def decode_or_identity(self, text: str) -> Element:
        return self.identity if text == self.encode(self.identity) else self.decode(text)


def _arithmetic() -> _Arithmetic:
    return native.core or _SODIUM


def _scalar(exponent: int) -> bytes:
    return (exponent % _ORDER).to_bytes(32, "little")


def _point(element: Element) -> bytes:
    return cast(bytes, element)


def _refusal(detail: str) -> EncodingError:
    return EncodingError("group-element", "Ed25519", detail)


ED25519 = Ed25519()
