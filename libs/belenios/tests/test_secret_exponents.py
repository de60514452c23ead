"""No exponent that is secret goes through a power that takes another time for another one, or looks up its digits."""

from __future__ import annotations

import secrets
import sys
from collections.abc import Callable, Iterator, Sequence
from types import ModuleType, SimpleNamespace
from typing import Any, NoReturn, cast

import gmpy2
import pytest
from evote_belenios import channel, native, threshold, trustees
from evote_belenios.ballots import generate_ballot, parse_ballot, verify_ballot
from evote_belenios.channel import TrusteeSecret, receive, send
from evote_belenios.credentials import generate, public_credential
from evote_belenios.decryption import partial_decryption
from evote_belenios.election import Election, Question
from evote_belenios.groups import BELENIOS_2048, Group, random_exponent
from evote_belenios.holder import prove_holding
from evote_belenios.order import sign_order
from evote_belenios.trustees import DecryptionKey, public_key_json

from .stories import Ceremony

NewElection = Callable[[Group, Sequence[Question]], Election]
RANDOM = secrets.token_bytes
QUESTIONS = [Question("Plan", ("yes", "no"), True, 1, 1), Question("Parks", ("a", "b"), False, 0, 2)]
TRACKER = "A" * 43


class Secret(int):
    """A number that nobody must learn; so is what is computed of it."""

    def _result(name: str) -> Any:  # type: ignore[misc]  # noqa: N805 - of the class body alone
        operation = getattr(int, name)
        return lambda self, *others: Secret(operation(int(self), *map(int, others)))

    __add__, __radd__, __sub__, __rsub__ = map(_result, ("__add__", "__radd__", "__sub__", "__rsub__"))
    __mul__, __rmul__, __mod__, __neg__ = map(_result, ("__mul__", "__rmul__", "__mod__", "__neg__"))


def _tagged(draw: Callable[..., int]) -> Callable[..., Secret]:
    return lambda *arguments, **named: Secret(draw(*arguments, **named))


@pytest.fixture
def secret_calls(group: Group, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What is drawn, derived or kept is tagged; public powers refuse tags. Which secret powers were called."""
    called: list[str] = []

    def refuse(exponents: Sequence[object]) -> None:
        assert not any(isinstance(one, Secret) for one in exponents), "a secret exponent in a public power"

    def public(name: str) -> None:
        original = getattr(type(group), name)
        monkeypatch.setattr(type(group), name, lambda *all_: (refuse(all_), original(*all_))[1])

    table_of = type(group).fixed_base

    def fixed_base(itself: Group, base: Any) -> Any:
        power = table_of(itself, base)
        return lambda exponent: (refuse([exponent]), power(exponent))[1]

    secret_table_of = type(group).secret_fixed_base

    def secret_fixed_base(itself: Group, base: Any) -> Any:
        raised = secret_table_of(itself, base)

        def power(exponent: int) -> Any:
            if isinstance(exponent, Secret):
                called.append("secret_fixed_base")
            return raised(int(exponent))

        return power

    def secret(name: str) -> None:
        original = getattr(type(group), name)

        def power(itself: Group, *arguments: Any) -> Any:
            if isinstance(arguments[-1], Secret):
                called.append(name)
            return original(itself, *arguments[:-1], int(arguments[-1]))

        monkeypatch.setattr(type(group), name, power)

    for name in ("power", "power_generator", "commitment"):
        public(name)
    monkeypatch.setattr(type(group), "fixed_base", fixed_base)
    monkeypatch.setattr(type(group), "secret_fixed_base", secret_fixed_base)
    for name in ("secret_power", "secret_power_generator"):
        secret(name)
    modules = [module for name, module in sys.modules.items() if name.startswith("evote_belenios.")]
    for module, name in _sources(modules):
        monkeypatch.setattr(module, name, _tagged(getattr(module, name)))
    derived = channel.hash_to_exponent
    monkeypatch.setattr(channel, "hash_to_exponent", _tagged(derived))
    yield called


def _sources(modules: Sequence[ModuleType]) -> list[tuple[ModuleType, str]]:
    """Every name by which a module draws, derives or reads a secret exponent."""
    found = [(module, name) for module in modules for name in ("random_exponent", "secret_exponent")]
    found += [(threshold, "_reduced"), (threshold, "parse_exponent"), (trustees, "parse_exponent")]
    return [(module, name) for module, name in found if hasattr(module, name)]


def test_of_whatever_is_secret_only_secret_powers_are_taken(
    group: Group, new_election: NewElection, secret_calls: list[str]
) -> None:
    election = new_election(group, QUESTIONS)
    credential = generate(group, RANDOM)
    key = DecryptionKey.generate(group, RANDOM)
    keys, other = (TrusteeSecret.generate(RANDOM).keys(group) for _ in range(2))
    steps: dict[str, Callable[[], object]] = {
        "credential": lambda: public_credential(credential, election.uuid, group),
        "order": lambda: sign_order(credential, election.uuid, group, TRACKER, 1, RANDOM),
        "holder": lambda: prove_holding(credential, election.uuid, group, "asked", RANDOM),
        "trustee's key": lambda: public_key_json(DecryptionKey.from_private_key(key.private_key_json(), group), RANDOM),
        "channel keys": lambda: TrusteeSecret.generate(RANDOM).keys(group),
        "message": lambda: receive(
            group, keys, other.verification, send(group, other.signing, keys.encryption, "42", RANDOM)
        ),
    }
    for step, take in steps.items():
        secret_calls.clear()
        take()
        assert secret_calls, step


@pytest.mark.parametrize("choices", [[[0, 1, 0], [1, 0]], [[1, 0, 0], [0, 0]]])
def test_a_ballot_is_made_by_secret_powers_of_nonces_and_choices(
    group: Group, new_election: NewElection, secret_calls: list[str], choices: list[list[int]]
) -> None:
    """As many whatever is chosen: the true branch of a proof costs what a simulated one does."""
    election = new_election(group, QUESTIONS)
    secret_calls.clear()
    text = generate_ballot(
        election, generate(group, RANDOM), [[Secret(value) for value in chosen] for chosen in choices], RANDOM
    )
    # Credential and signature; alpha and beta of five choices; two for each of 10 + 2 + 2 + 3 branches of eight proofs,
    # and one for all of a proof's but one.
    expected = [] if election.compiled is not None else ["secret_fixed_base"] * 22 + ["secret_power_generator"] * 33
    assert sorted(secret_calls) == expected
    verify_ballot(election, parse_ballot(election, text))


def test_a_ceremony_and_a_decryption_are_made_by_secret_powers(
    group: Group,
    new_election: NewElection,
    hold_ceremony: Callable[..., Ceremony],
    secret_calls: list[str],
) -> None:
    (key, _) = hold_ceremony(group, 1, 2).keys
    assert isinstance(key.exponent, Secret) and secret_calls
    election = new_election(group, QUESTIONS[:1])
    pair = {half: group.encode(group.power_generator(exponent)) for half, exponent in (("alpha", 5), ("beta", 6))}
    tally = str([[pair] * 3]).replace("'", '"').replace(" ", "")
    secret_calls.clear()
    partial_decryption(election, tally, key, RANDOM)
    # The key's public half; for each ciphertext the nonce's two powers and the factor.
    assert sorted(secret_calls) == ["secret_power"] * 6 + ["secret_power_generator"] * 4


def test_secret_and_public_powers_are_the_same_numbers(group: Group) -> None:
    base = group.power_generator(random_exponent(group, RANDOM))
    power, of_identity = group.secret_fixed_base(base), group.secret_fixed_base(group.identity)
    drawn = [random_exponent(group, RANDOM) for _ in range(5)]
    shorter = [drawn[0] >> bits for bits in (6, 64, 130, 192, 250)]
    for exponent in (0, 1, 2, group.order - 1, group.order, group.order + 1, -1, *drawn, *shorter):
        assert group.secret_power(base, exponent) == power(exponent) == group.power(base, exponent)
        assert group.secret_power_generator(exponent) == group.power_generator(exponent)
        assert group.secret_power(group.identity, exponent) == of_identity(exponent) == group.identity
    assert group.secret_power(base, 0) == power(0) == group.secret_power_generator(0) == group.identity


def test_no_secret_power_is_found_by_way_of_a_public_one(group: Group, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor, in BELENIOS-2048, by GMP's power and products of numbers that the exponent chose."""
    base, power = group.power_generator(5), group.secret_fixed_base(group.power_generator(5))
    expected = [group.power(base, 77), group.power(base, 77), group.power_generator(77)]

    def refuse(*_: object) -> NoReturn:
        raise AssertionError("a public power")

    for name in ("power", "power_generator", "commitment", "multiply", "divide", "fixed_base"):
        monkeypatch.setattr(type(group), name, refuse)
    monkeypatch.setattr(gmpy2, "powmod", refuse)
    assert [group.secret_power(base, 77), power(77), group.secret_power_generator(77)] == expected


def test_every_secret_exponent_of_belenios_2048_has_as_many_limbs(monkeypatch: pytest.MonkeyPatch) -> None:
    """GMP promises the same time for operands of the same size; the core takes 32 bytes and no others."""
    given: list[int] = []

    def recorded(base: Any, exponent: int, modulus: Any, original: Any = gmpy2.powmod_sec) -> Any:
        given.append(int(exponent))
        return original(base, exponent, modulus)

    class Table:
        def __init__(self, base: bytes, core: Any = native.core) -> None:
            self._table = core.FixedBase(base)

        def power(self, exponent: bytes) -> bytes:
            given.append(int.from_bytes(exponent, "little"))
            return cast(bytes, self._table.power(exponent))

    monkeypatch.setattr(gmpy2, "powmod_sec", recorded)
    if native.core is not None:
        monkeypatch.setattr(native, "core", SimpleNamespace(FixedBase=Table))
    power = BELENIOS_2048.secret_fixed_base(BELENIOS_2048.generator)
    for exponent in (0, 1, 2**64, BELENIOS_2048.order - 1, BELENIOS_2048.order, -1):
        BELENIOS_2048.secret_power(BELENIOS_2048.generator, exponent)
        power(exponent)
    assert {limbs(one) for one in given} == {4} and len(given) == 12


def limbs(number: int) -> int:
    return -(-number.bit_length() // 64)


def test_a_product_by_what_was_chosen_is_of_numbers_of_one_length(group: Group) -> None:
    element = group.power_generator(random_exponent(group, RANDOM))
    assert group.multiply(element, group.secret_factor(0)) == element
    assert group.multiply(element, group.secret_factor(1)) == group.multiply(element, group.generator)
    if group is BELENIOS_2048:
        factors: list[Any] = [group.secret_factor(bit) for bit in (0, 1)]
        assert [limbs(int(one)) for one in factors] == [32, 32]
