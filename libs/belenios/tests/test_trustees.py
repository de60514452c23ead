"""The structure ``trustees``: whatever in it is not the trustees' own word is refused."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import pytest
from evote_belenios.certificates import parse_all
from evote_belenios.channel import sign
from evote_belenios.election import Election, Question
from evote_belenios.errors import BeleniosError, EncodingError, TrusteeError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from evote_belenios.jsontext import dump
from evote_belenios.trustees import (
    DecryptionKey,
    SingleTrustee,
    ThresholdTrustees,
    parse_public_key,
    parse_trustees,
    public_key_json,
    trustees_json,
    verify_election_key,
)
from hypothesis import given
from hypothesis import strategies as st

RANDOM = secrets.token_bytes
HoldCeremony = Callable[..., Any]
Path = tuple[str | int, ...]


def new_public_key(group: Group) -> str:
    return public_key_json(DecryptionKey.generate(group, RANDOM), RANDOM)


def refusal_of(items: Any, group: Group) -> BeleniosError:
    with pytest.raises(BeleniosError) as refusal:
        parse_trustees(json.dumps(items), group)
    return refusal.value


@pytest.fixture
def mixed(hold_ceremony: HoldCeremony, group: Group) -> Any:
    """Two mandatory trustees and a ceremony of 2 of 3, as parsed JSON to change."""
    parameters = hold_ceremony(group, 2, 3).parameters
    return json.loads(trustees_json([new_public_key(group), new_public_key(group)], [parameters]))


def test_the_election_s_key_is_all_the_trustees_keys_together(hold_ceremony: HoldCeremony, group: Group) -> None:
    single, ceremony = DecryptionKey.generate(group, RANDOM), hold_ceremony(group, 2, 3)
    text = trustees_json([public_key_json(single, RANDOM, "The mayor")], [ceremony.parameters])
    trustees = parse_trustees(text, group)
    first, second = (key.exponent for key in ceremony.keys[:2])
    # f(0) = 2·f(1) - f(2) for a line.
    exponent = single.exponent + 2 * first - second
    assert trustees.public_key == group.power_generator(exponent)
    assert [type(item) for item in trustees.items] == [SingleTrustee, ThresholdTrustees]
    assert (trustees.count, trustees.members[0].name) == (4, "The mayor")
    assert [trustees.index_of(key) for key in (single, *ceremony.keys)] == [1, 2, 3, 4]
    assert trustees.verification_key(3) == ceremony.keys[1].public_key
    assert trustees.suffices([1, 2, 4])
    assert not trustees.suffices([2, 3, 4])
    assert not trustees.suffices([1, 4, 4])


def test_a_stranger_has_no_number(mixed: Any, group: Group) -> None:
    trustees = parse_trustees(json.dumps(mixed), group)
    for attempt in (
        lambda: trustees.index_of(DecryptionKey.generate(group, RANDOM)),
        lambda: trustees.verification_key(0),
        lambda: trustees.verification_key(6),
    ):
        with pytest.raises(TrusteeError) as refusal:
            attempt()
        assert refusal.value.rule == "trustee-unknown"


def test_an_election_of_other_trustees_is_refused(
    mixed: Any, group: Group, election_of: Callable[..., Election]
) -> None:
    election = election_of(json.dumps(mixed), group, [Question("Plan", ("yes", "no"), True, 1, 1)])
    verify_election_key(election, parse_trustees(json.dumps(mixed), group))
    with pytest.raises(TrusteeError) as refusal:
        verify_election_key(election, parse_trustees(json.dumps(mixed[:2]), group))
    assert refusal.value.rule == "election-public-key"


def test_a_key_whose_private_half_nobody_proved_is_refused(group: Group) -> None:
    mine, other = json.loads(new_public_key(group)), json.loads(new_public_key(group))
    with pytest.raises(TrusteeError) as refusal:
        parse_public_key(json.dumps({**mine, "public_key": other["public_key"]}), group)
    assert refusal.value.rule == "trustee-pok"


def test_a_key_that_would_cancel_the_others_out_can_not_be_proven(group: Group) -> None:
    honest = DecryptionKey.generate(group, RANDOM)
    cancelling = DecryptionKey(group, -honest.exponent % group.order)
    # Even its owner, who here knows the private half, is refused: such an election would have no secret.
    text = trustees_json([public_key_json(honest, RANDOM), public_key_json(cancelling, RANDOM)])
    with pytest.raises(TrusteeError) as refusal:
        parse_trustees(text, group)
    assert refusal.value.rule == "election-public-key"


@pytest.mark.parametrize("key", ["identity", "small-order", "not-canonical"])
def test_a_key_outside_the_group_is_refused(group: Group, key: str) -> None:
    ed25519 = {"identity": "00" * 31 + "01", "small-order": "7f" + "ff" * 30 + "ec", "not-canonical": "7f" + "ff" * 31}
    multiplicative = {"identity": "1", "small-order": "2", "not-canonical": "0" + group.encode(group.generator)}
    element = (ed25519 if group is ED25519 else multiplicative)[key]
    with pytest.raises(EncodingError) as refusal:
        parse_public_key(json.dumps({**json.loads(new_public_key(group)), "public_key": element}), group)
    assert refusal.value.rule == "group-element"


def test_a_copied_key_is_refused(mixed: Any, group: Group) -> None:
    assert refusal_of([mixed[0], mixed[0]], group).rule == "trustee-duplicate"
    member = mixed[2][1]["verification_keys"][0]
    assert refusal_of([["Single", member], mixed[2]], group).rule == "trustee-duplicate"
    assert refusal_of([mixed[2], mixed[2]], group).rule == "trustee-duplicate"


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    children = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else None
    if children is None:
        yield path
        return
    for name, child in children:
        yield from leaves(child, (*path, name))


@cache
def sample(group: Group, hold_ceremony: HoldCeremony) -> tuple[str, list[Path]]:
    text = trustees_json([new_public_key(group)], [hold_ceremony(group, 2, 3).parameters])
    return text, list(leaves(json.loads(text)))


def changed(leaf: Any, how: int) -> Any:
    """Another value of the same kind: the next number, or a text with one character changed."""
    if isinstance(leaf, int):
        return leaf + 1 + how % 3
    if leaf.isdigit() and how % 2:
        return str(int(leaf) + 1)
    position = how % len(leaf)
    return leaf[:position] + ("1" if leaf[position] != "1" else "2") + leaf[position + 1 :]


@given(data=st.data())
def test_every_changed_value_is_refused(hold_ceremony: HoldCeremony, data: st.DataObject) -> None:
    group = data.draw(st.sampled_from([ED25519, BELENIOS_2048]), "group")
    text, paths = sample(group, hold_ceremony)
    path = data.draw(st.sampled_from(paths), "path")
    items = json.loads(text)
    parent = items
    for name in path[:-1]:
        parent = parent[name]
    parent[path[-1]] = changed(parent[path[-1]], data.draw(st.integers(0, 10_000), "how"))
    refusal_of(items, group)


@given(text=st.text() | st.text(st.sampled_from('{}[]":,SinglePdr0123456789 ')))
def test_no_text_breaks_the_reader(text: str) -> None:
    for read in (parse_trustees, parse_public_key, DecryptionKey.from_private_key):
        try:
            read(text, ED25519)
        except BeleniosError:
            continue
        # A text of digits in quotes is a private key.
        assert read == DecryptionKey.from_private_key


CHANGES: dict[str, tuple[str, Callable[[dict[str, Any]], object]]] = {
    "a lower threshold": ("certificate-context", lambda value: value.update(threshold=1)),
    "a threshold of nobody": ("threshold-size", lambda value: value.update(threshold=0)),
    "certificates in another order": ("certificate-context", lambda value: value["certs"].reverse()),
    "coefficients in another order": ("coefficients-signature", lambda value: value["coefexps"].reverse()),
    "bindings in another order": ("coefficients-binding", lambda value: value["signatures"].reverse()),
    "keys in another order": ("verification-key", lambda value: value["verification_keys"].reverse()),
    "a missing key": ("trustees-schema", lambda value: value["verification_keys"].pop()),
    "a missing binding": ("trustees-schema", lambda value: value["signatures"].pop()),
    "an unknown field": ("schema", lambda value: value.update(surprise=1)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_threshold_parameters_are_refused_by_the_right_rule(mixed: Any, group: Group, change: str) -> None:
    rule, apply = CHANGES[change]
    apply(mixed[2][1])
    assert refusal_of(mixed, group).rule == rule


def test_bindings_are_left_out_only_in_the_old_dialect(mixed: Any, group: Group) -> None:
    del mixed[2][1]["signatures"]
    if group is BELENIOS_2048:
        assert parse_trustees(json.dumps(mixed), group).count == 5
    else:
        assert refusal_of(mixed, group).rule == "coefficients-binding"


def test_coefficients_bound_to_another_ceremony_are_refused(hold_ceremony: HoldCeremony, group: Group) -> None:
    # Trustee 1 takes part in two ceremonies with one secret; their coefficients are carried from one to the other.
    ceremony = hold_ceremony(group, 2, 3)
    value = json.loads(ceremony.parameters)
    keys = ceremony.secrets[0].keys(group)
    elsewhere = [json.loads(hold_ceremony(group, 2, 3).certificates[index]) for index in range(3)]
    parse_all(group, [json.dumps(one) for one in elsewhere], 2)
    coefficients = json.loads(value["coefexps"][0]["message"])["coefexps"]
    message = f"certs_sig|{dump({'certs': elsewhere, 'coefexps': coefficients})}"
    value["signatures"][0] = sign(group, keys.signing, message, RANDOM).signature.to_json()
    assert refusal_of([["Pedersen", value]], group).rule == "coefficients-binding"


@pytest.mark.parametrize(
    "text", ["[]", "{}", '[["Single"]]', '[["Triple",{}]]', '["Single"]', "null", '[["Single",1]]']
)
def test_what_is_no_list_of_trustees_is_refused(text: str) -> None:
    assert refusal_of(json.loads(text), ED25519).rule in ("trustees-schema", "schema")


def test_a_private_key_is_read_back_and_does_not_print(group: Group) -> None:
    key = DecryptionKey.generate(group, RANDOM)
    assert DecryptionKey.from_private_key(key.private_key_json() + "\n", group).public_key == key.public_key
    assert str(key.exponent) not in f"{key!r} {key}"
