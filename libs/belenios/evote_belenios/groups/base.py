"""What the protocol needs of a group of prime order: one small type that both groups fill."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from typing import Final, NewType, Protocol

Element = NewType("Element", object)
"""A member of a group's prime-order subgroup; only its own group knows what is inside."""

Random = Callable[[int], bytes]
"""Gives as many unpredictable bytes as asked for, as ``secrets.token_bytes`` does."""

DRAWN_BYTES: Final = 48
"""What each exponent is drawn from."""

Power = Callable[[int], Element]
"""Raises one fixed base: to public exponents alone, unless it is of :meth:`Group.secret_fixed_base`."""


class Sum(Protocol):
    """The product of many elements, found one by one: of none, the identity."""

    def add(self, element: Element, /) -> None:
        """Take another element into it."""

    def element(self) -> Element:
        """The product so far."""


class Group(Protocol):
    """A group written multiplicatively (specification, "Groups"). Exponents are integers modulo ``order``.

    An exponent that is secret goes through :meth:`secret_power`, :meth:`secret_power_generator` and
    :meth:`secret_fixed_base` alone: the others may take another time for another exponent, and look tables up by its
    digits.
    """

    @property
    def name(self) -> str:
        """The string that stands in ``election.group`` and in the hashes of proofs."""

    @property
    def arithmetic(self) -> str:
        """Who verifies what is of it in this process, for those who have to be told."""

    @property
    def order(self) -> int:
        """The prime q."""

    @property
    def generator(self) -> Element:
        """g."""

    @property
    def identity(self) -> Element:
        """The neutral element."""

    def multiply(self, left: Element, right: Element) -> Element:
        """The group operation."""

    def divide(self, left: Element, right: Element) -> Element:
        """``left`` times the inverse of ``right``."""

    def power(self, base: Element, exponent: int) -> Element:
        """``base`` to a public ``exponent``."""

    def power_generator(self, exponent: int) -> Element:
        """g to a public ``exponent``, from a precomputed table."""

    def secret_power(self, base: Element, exponent: int) -> Element:
        """``base`` to a secret ``exponent``, in the same time for each."""

    def secret_power_generator(self, exponent: int) -> Element:
        """g to a secret ``exponent``, in the same time for each."""

    def secret_factor(self, bit: int) -> Element:
        """g for a secret 1, the identity for a secret 0: a factor for :meth:`multiply` alone, as long for the one as
        for the other."""

    def commitment(self, public: Element, challenge: int, response: int) -> Element:
        """g^response·public^challenge of a proof that is checked: nothing of it is secret, and it may take its time."""

    def sum(self) -> Sum:
        """A new product of many elements, cheaper than :meth:`multiply` for each."""

    def fixed_base(self, base: Element) -> Power:
        """A function that raises ``base`` to public exponents, faster than :meth:`power` when it is called often."""

    def secret_fixed_base(self, base: Element) -> Power:
        """A function that raises ``base`` to secret exponents, as :meth:`secret_power` does and never slower when it is
        called often."""

    def encode(self, element: Element) -> str:
        """The one text of an element."""

    def decode(self, text: str) -> Element:
        """The element of a text.

        Raises ``EncodingError`` unless the text is canonical and the element is in the prime-order
        subgroup and not the identity: no honest key, ciphertext or commitment is the identity.
        """

    def decode_or_identity(self, text: str) -> Element:
        """Like :meth:`decode`, and takes the identity: the encrypted tally of no ballots is made of it."""


class MultipliedSum:
    """A :class:`Sum` by a group's own operation."""

    def __init__(self, group: Group) -> None:
        self._group = group
        self._element = group.identity

    def add(self, element: Element, /) -> None:
        self._element = self._group.multiply(self._element, element)

    def element(self) -> Element:
        return self._element


def hash_to_exponent(group: Group, text: str) -> int:
    """SHA-256 of the text as a big-endian number modulo q: every Fiat-Shamir challenge of version 1."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest(), "big") % group.order


def random_exponent(group: Group, random: Random) -> int:
    """A uniform exponent: 128 bits more than q before the reduction leave no bias to speak of."""
    return int.from_bytes(random(DRAWN_BYTES), "big") % group.order
