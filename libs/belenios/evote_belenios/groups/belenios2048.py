"""The group BELENIOS-2048: a subgroup of a finite field, through gmpy2 (specification, "BELENIOS-2048").

Where the compiled core is, it raises g and other fixed bases to secret exponents: of tables that are read in the same
places for each, which GMP has none of.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, Final, cast

import gmpy2
from gmpy2 import mpz

from .. import native
from ..errors import EncodingError
from .base import Element, MultipliedSum, Power, Sum

if TYPE_CHECKING:
    from evote_belenios_core import FixedBase

_TEXT = re.compile(r"[1-9][0-9]{0,616}", re.ASCII)
_P = mpz(
    "206947856914225464010136436575050080649229892957511040971008847870573742192427174019222372544976"
    "843381290666331380789584049600543896362897963930387739057228036059737494276713767776188985898727"
    "358650490811670993105358677809800307904916540637771737641986785272734744763418356000356983051931"
    "442845617019110007867373073335641239717328979132404745788344682606523279746479511376726586935821"
    "800463179220736688600526271863633860887968821207694323661494910029234443463732221458841005864210"
    "502421203654335612013204811188524087310770141516662001623131771693721892480785077118278423174980"
    "73276598828825169183103125680162072880719"
)
_G = mpz(
    "240235267750185220922768770353239993271228765737836491651007531878766327414635321932028567615526"
    "967879969466829874938909508389657342560190060106847716449173547413728310461045868131451178164675"
    "540052740288984613986453266121505579709716201616827031288643245666383486363578210615491841998253"
    "431518974065818686865115135857641013888221539601604322884360393098933366277284840659313840601023"
    "167509576377798266510360682240663507669776402534625377308513317349519424896775405257365904949247"
    "763147599157519877517771148149092045660020547812705472823814097251863985833411570056835369555342"
    "3781475582491896050296680037745308460627"
)
_ORDER = int("78571733251071885079927659812671450121821421258408794611510081919805623223441")
_ONE = _P + 1
"""1, as long as any element: a product with 1 itself would take a fifth of the time, and tell what was chosen."""
_FOUR_LIMBS = 1 << 192
"""The smallest number of four limbs; q and all that is below have four at most."""
_ELEMENT_BYTES: Final = 256
_EXPONENT_BYTES: Final = 32
_WINDOW_BITS = 8
_WINDOWS = 256 // _WINDOW_BITS


class Belenios2048:
    """Elements are integers modulo the 2048-bit prime p, in the subgroup of the 256-bit prime order q."""

    name = "BELENIOS-2048"
    arithmetic = native.REFERENCE
    order = _ORDER
    identity = cast(Element, mpz(1))
    generator = cast(Element, _G)

    def __init__(self) -> None:
        self._generator_power: Power | None = None
        self._secret_generator_power = self.secret_fixed_base(self.generator)

    def multiply(self, left: Element, right: Element) -> Element:
        return cast(Element, _number(left) * _number(right) % _P)

    def divide(self, left: Element, right: Element) -> Element:
        return cast(Element, gmpy2.divm(_number(left), _number(right), _P))

    def power(self, base: Element, exponent: int) -> Element:
        return cast(Element, gmpy2.powmod(_number(base), exponent % _ORDER, _P))

    def power_generator(self, exponent: int) -> Element:
        # Made at first use: programs of the other group need not pay for the table.
        if self._generator_power is None:
            self._generator_power = self.fixed_base(self.generator)
        return self._generator_power(exponent)

    def secret_power(self, base: Element, exponent: int) -> Element:
        # GMP's mpz_powm_sec takes the same time, and reads the same places, for any two exponents of as many limbs.
        return cast(Element, gmpy2.powmod_sec(_number(base), _of_four_limbs(exponent), _P))

    def secret_power_generator(self, exponent: int) -> Element:
        return self._secret_generator_power(exponent)

    def secret_factor(self, bit: int) -> Element:
        return cast(Element, (_ONE, _G)[bit])

    def commitment(self, public: Element, challenge: int, response: int) -> Element:
        return self.multiply(self.power_generator(response), self.power(public, challenge))

    def sum(self) -> Sum:
        return MultipliedSum(self)

    def fixed_base(self, base: Element) -> Power:
        table = _window_table(_number(base))

        def power(exponent: int) -> Element:
            digits = (exponent % _ORDER).to_bytes(_WINDOWS, "little")
            product = mpz(1)
            for row, digit in zip(table, digits, strict=True):
                if digit:
                    product = product * row[digit] % _P
            return cast(Element, product)

        return power

    def secret_fixed_base(self, base: Element) -> Power:
        return _SecretPower(self, base)

    def encode(self, element: Element) -> str:
        return str(_number(element))

    def decode(self, text: str) -> Element:
        element = self.decode_or_identity(text)
        if element == self.identity:
            raise _refusal("the identity is not allowed here")
        return element

    def decode_or_identity(self, text: str) -> Element:
        if not _TEXT.fullmatch(text):
            raise _refusal("an element is a decimal number of at most 617 digits without leading zeros")
        number = mpz(text)
        if number >= _P:
            raise _refusal("not smaller than p: not the canonical encoding")
        if gmpy2.powmod(number, _ORDER, _P) != 1:
            raise _refusal("not in the subgroup of order q")
        return cast(Element, number)


class _SecretPower:
    """Raises one base to secret exponents: by a table of the compiled core, where there is one."""

    def __init__(self, group: Belenios2048, base: Element) -> None:
        self._group, self._base = group, base

    def __call__(self, exponent: int) -> Element:
        if native.core is None:
            return self._group.secret_power(self._base, exponent)
        power = self._table.power(_of_four_limbs(exponent).to_bytes(_EXPONENT_BYTES, "little"))
        return cast(Element, mpz.from_bytes(power, "little"))

    @cached_property
    def _table(self) -> FixedBase:
        # Made at first use: programs of the other group need not pay for that of g.
        assert native.core is not None  # noqa: S101 - whoever asks has seen it
        return native.core.FixedBase(_number(self._base).to_bytes(_ELEMENT_BYTES, "little"))


def _of_four_limbs(exponent: int) -> int:
    """One in 2^63 that are drawn has fewer, as 0 has, which GMP doesn't take: with q, to which any element is 1, they
    have four as well."""
    reduced = exponent % _ORDER
    return reduced + _ORDER * (reduced < _FOUR_LIMBS)


def _window_table(base: mpz) -> list[list[mpz]]:
    """``table[i][d]`` = base to the d·256^i: an exponentiation becomes at most 32 products."""
    table = []
    for _ in range(_WINDOWS):
        row = [mpz(1)]
        for _ in range((1 << _WINDOW_BITS) - 1):
            row.append(row[-1] * base % _P)
        table.append(row)
        base = row[-1] * base % _P
    return table


def _number(element: Element) -> mpz:
    return cast(mpz, element)


def _refusal(detail: str) -> EncodingError:
    return EncodingError("group-element", "BELENIOS-2048", detail)


BELENIOS_2048 = Belenios2048()
