"""Both groups against a second, naive implementation, and against everything that is not a group element."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import gcd

import pytest
from evote_belenios.errors import EncodingError, NotSupported
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, group_by_name
from hypothesis import given, settings
from hypothesis import strategies as st

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
Point = tuple[int, int]

exponents = st.integers(min_value=0, max_value=2**260)
both_groups = st.sampled_from([ED25519, BELENIOS_2048])


def add(left: Point, right: Point) -> Point:
    """RFC 8032, section 5.1.4, in affine coordinates."""
    (x1, y1), (x2, y2) = left, right
    cross = D * x1 * x2 * y1 * y2 % P
    x3 = (x1 * y2 + x2 * y1) * pow(1 + cross, -1, P) % P
    return x3, (y1 * y2 + x1 * x2) * pow(1 - cross, -1, P) % P


def times(point: Point, scalar: int) -> Point:
    result = (0, 1)
    while scalar:
        if scalar & 1:
            result = add(result, point)
        point, scalar = add(point, point), scalar >> 1
    return result


def compress(point: Point) -> str:
    """The 256-bit number of the spec, in 64 hexadecimal digits."""
    return f"{point[1] | (point[0] & 1) << 255:064x}"


def x_of(y: int) -> int:
    """The even x of a point with this y."""
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    root = pow(square, (P + 3) // 8, P)
    if root * root % P != square:
        root = root * pow(2, (P - 1) // 4, P) % P
    assert root * root % P == square
    return root if root % 2 == 0 else P - root


BASE = (x_of(4 * pow(5, -1, P) % P), 4 * pow(5, -1, P) % P)


def small_order_points() -> list[Point]:
    """All eight points whose order divides 8."""
    y = 2
    while True:
        try:
            torsion = times((x_of(y), y), ED25519.order)
        except AssertionError:
            y += 1
            continue
        if times(torsion, 4) != (0, 1):
            return [times(torsion, multiple) for multiple in range(8)]
        y += 1


def test_the_generator_of_ed25519_is_written_as_the_big_endian_number() -> None:
    assert ED25519.encode(ED25519.generator) == "66" * 31 + "58"
    assert compress(BASE) == "66" * 31 + "58"


@settings(max_examples=25)
@given(exponents, exponents)
def test_ed25519_agrees_with_naive_arithmetic(left: int, right: int) -> None:
    one, other = ED25519.power_generator(left), ED25519.power_generator(right)
    naive_one, naive_other = times(BASE, left), times(BASE, right)
    assert ED25519.encode(one) == compress(naive_one)
    assert ED25519.encode(ED25519.multiply(one, other)) == compress(add(naive_one, naive_other))
    assert ED25519.encode(ED25519.power(one, right)) == compress(times(naive_one, right % ED25519.order))


@settings(max_examples=40)
@given(both_groups, exponents, exponents)
def test_exponents_add_and_multiply_modulo_q(group: Group, left: int, right: int) -> None:
    one, other = group.power_generator(left), group.power_generator(right)
    assert group.multiply(one, other) == group.power_generator(left + right)
    assert group.divide(one, other) == group.power_generator(left - right)
    assert group.power(one, right) == group.power_generator(left * right)
    assert group.fixed_base(one)(right) == group.power(one, right)


@settings(max_examples=40)
@given(both_groups, st.integers(min_value=1, max_value=2**251))
def test_an_element_has_one_text_and_comes_back_from_it(group: Group, exponent: int) -> None:
    element = group.power_generator(exponent)
    assert group.decode(group.encode(element)) == element


def test_the_order_of_the_generator_is_q(group: Group) -> None:
    assert group.power_generator(group.order) == group.identity
    assert group.power_generator(group.order + 1) == group.generator


def test_the_identity_is_usable_in_the_middle_of_a_computation(group: Group) -> None:
    element = group.power_generator(7)
    assert group.power(element, 0) == group.identity
    assert group.power(group.identity, 5) == group.identity
    assert group.multiply(group.identity, element) == element
    assert group.divide(element, element) == group.identity
    assert group.fixed_base(element)(0) == group.identity


def test_the_identity_is_read_only_where_it_is_expected(group: Group) -> None:
    text = group.encode(group.identity)
    assert group.decode_or_identity(text) == group.identity
    with pytest.raises(EncodingError, match="group-element"):
        group.decode(text)


@pytest.mark.parametrize("point", small_order_points(), ids=compress)
def test_ed25519_refuses_points_of_small_order(point: Point) -> None:
    with pytest.raises(EncodingError, match="group-element"):
        ED25519.decode(compress(point))
    if point != (0, 1):
        with pytest.raises(EncodingError, match="group-element"):
            ED25519.decode_or_identity(compress(point))


@pytest.mark.parametrize("torsion", small_order_points()[1:], ids=compress)
def test_ed25519_refuses_points_outside_the_prime_order_subgroup(torsion: Point) -> None:
    with pytest.raises(EncodingError, match="group-element"):
        ED25519.decode(compress(add(times(BASE, 12345), torsion)))


@pytest.mark.parametrize(
    "text",
    [
        pytest.param(f"{P + 3:064x}", id="y not reduced"),
        pytest.param(f"{1 + P:064x}", id="identity not reduced"),
        pytest.param(f"{1 | 1 << 255:064x}", id="identity with a sign"),
        pytest.param(f"{2:064x}", id="not on the curve"),
        pytest.param("66" * 31 + "5", id="short"),
        pytest.param("66" * 31 + "580", id="long"),
        pytest.param("0x" + "66" * 31, id="prefix"),
        pytest.param(("66" * 31 + "58").replace("6", "６"), id="full-width digits"),
        pytest.param("66" * 31 + "58\n", id="newline"),
        pytest.param("", id="empty"),
    ],
)
def test_ed25519_refuses_what_is_not_canonical(text: str) -> None:
    with pytest.raises(EncodingError, match="group-element"):
        ED25519.decode(text)


def test_ed25519_refuses_upper_case() -> None:
    text = ED25519.encode(ED25519.power_generator(11)).upper()
    assert text != text.lower()
    with pytest.raises(EncodingError, match="group-element"):
        ED25519.decode(text)


def modulus_of_2048() -> int:
    """p, recovered from the group: 1/2 is (p + 1)/2."""
    half = BELENIOS_2048.divide(BELENIOS_2048.generator, BELENIOS_2048.multiply(*[BELENIOS_2048.generator] * 2))
    inverse, generator = int(BELENIOS_2048.encode(half)), int(BELENIOS_2048.encode(BELENIOS_2048.generator))
    multiple = inverse * generator - 1
    other = int(BELENIOS_2048.encode(BELENIOS_2048.power_generator(-2)))
    return gcd(multiple, other * generator**2 - 1)


def test_belenios_2048_agrees_with_naive_arithmetic() -> None:
    p, g = modulus_of_2048(), int(BELENIOS_2048.encode(BELENIOS_2048.generator))
    assert p.bit_length() == 2048 and (p - 1) % BELENIOS_2048.order == 0
    exponent = 3**150
    assert BELENIOS_2048.encode(BELENIOS_2048.power_generator(exponent)) == str(pow(g, exponent, p))


@given(st.integers(1, BELENIOS_2048.order - 1), exponents | st.integers(0, 256).map(lambda bits: 2**bits - 1))
@settings(max_examples=20, deadline=None)
def test_a_secret_power_of_a_fixed_base_is_the_naive_one(of: int, exponent: int) -> None:
    base = BELENIOS_2048.power_generator(of)
    expected = pow(int(BELENIOS_2048.encode(base)), exponent % BELENIOS_2048.order, modulus_of_2048())
    for power in (BELENIOS_2048.secret_fixed_base(base), partial(BELENIOS_2048.secret_power, base)):
        assert BELENIOS_2048.encode(power(exponent)) == str(expected)
    assert BELENIOS_2048.encode(BELENIOS_2048.secret_power_generator(of)) == BELENIOS_2048.encode(base)


def test_belenios_2048_refuses_numbers_outside_the_subgroup() -> None:
    p = modulus_of_2048()
    element = int(BELENIOS_2048.encode(BELENIOS_2048.power_generator(5)))
    for number in (0, 2, p - 1, p - element, p, p + 1, p + element, -element):
        with pytest.raises(EncodingError, match="group-element"):
            BELENIOS_2048.decode(str(number))


@pytest.mark.parametrize("change", [lambda t: "0" + t, lambda t: " " + t, lambda t: "+" + t, lambda t: t + "\n"])
def test_belenios_2048_refuses_what_is_not_canonical(change: Callable[[str], str]) -> None:
    text = BELENIOS_2048.encode(BELENIOS_2048.power_generator(5))
    with pytest.raises(EncodingError, match="group-element"):
        BELENIOS_2048.decode(change(text))


@given(both_groups, exponents, exponents, exponents)
def test_what_was_committed_to_is_the_product_of_two_powers(
    group: Group, of: int, challenge: int, response: int
) -> None:
    public = group.power_generator(of)
    expected = group.multiply(group.power_generator(response), group.power(public, challenge))
    assert group.commitment(public, challenge, response) == expected


@given(both_groups, st.text(max_size=80) | st.from_regex(r"[0-9a-f]{64}", fullmatch=True))
def test_any_text_is_an_element_with_that_text_or_refused(group: Group, text: str) -> None:
    try:
        element = group.decode_or_identity(text)
    except EncodingError:
        return
    assert group.encode(element) == text
    assert group.power(element, group.order) == group.identity


def test_an_unknown_group_is_named_as_unknown() -> None:
    assert group_by_name("Ed25519") is ED25519
    with pytest.raises(NotSupported, match="election-group"):
        group_by_name("RFC-3526-2048")
