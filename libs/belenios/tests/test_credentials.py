"""Private credentials, the exponents behind them, and the public list."""

from __future__ import annotations

import hashlib
import re
import secrets

import pytest
from evote_belenios.credentials import (
    from_entropy,
    generate,
    parse,
    parse_public,
    public_credential,
    secret_exponent,
)
from evote_belenios.election import BASE58
from evote_belenios.errors import CredentialError, EncodingError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from hypothesis import given
from hypothesis import strategies as st

UUID = "Kfv5ngiYbJzRHQ"


def test_each_group_has_its_format() -> None:
    assert re.fullmatch(rf"[{BASE58}]{{5}}(-[{BASE58}]{{5,6}}){{3}}", generate(ED25519, secrets.token_bytes))
    assert re.fullmatch(rf"[{BASE58}]{{3}}(-[{BASE58}]{{3}}){{4}}", generate(BELENIOS_2048, secrets.token_bytes))


@given(st.sampled_from([ED25519, BELENIOS_2048]), st.binary(min_size=32, max_size=64))
def test_a_credential_made_of_entropy_is_always_the_same_and_well_formed(group: Group, entropy: bytes) -> None:
    credential = from_entropy(group, entropy)
    assert from_entropy(group, entropy) == credential
    assert parse(credential) == credential


def test_too_little_entropy_is_refused(group: Group) -> None:
    with pytest.raises(ValueError, match="32"):
        from_entropy(group, bytes(31))


def test_two_voters_have_two_credentials(group: Group) -> None:
    made = {from_entropy(group, index.to_bytes(32, "big")) for index in range(500)}
    assert len(made) == 500


def test_every_character_of_a_credential_is_drawn_from_all_of_base58() -> None:
    text = "".join(from_entropy(ED25519, index.to_bytes(32, "big")).replace("-", "") for index in range(400))
    counts = [text.count(character) for character in BASE58]
    # 8,800 characters: 152 each on average, standard deviation 12.2; this seed is fixed.
    assert min(counts) > 152 - 61 and max(counts) < 152 + 61


@given(st.binary(min_size=32, max_size=32), st.integers(0, 13), st.sampled_from(BASE58))
def test_the_checksum_finds_one_mistyped_character(entropy: bytes, place: int, character: str) -> None:
    compact = from_entropy(BELENIOS_2048, entropy).replace("-", "")
    difference = BASE58.index(character) - BASE58.index(compact[place])
    mistyped = compact[:place] + character + compact[place + 1 :]
    if difference % 53 == 0:
        return
    with pytest.raises(CredentialError, match="checksum"):
        parse(mistyped)


def test_a_short_credential_may_be_typed_without_dashes() -> None:
    credential = generate(BELENIOS_2048, secrets.token_bytes)
    assert parse(f" {credential.replace('-', '')}\n") == credential


@pytest.mark.parametrize("text", ["", "abc", "0" * 15, "A" * 22, "AAAAA-AAAAAA-AAAAA-AAAAAl", "ＡＡＡ-AAA-AAA-AAA-AAA"])
def test_what_is_no_credential_is_refused(text: str) -> None:
    with pytest.raises(CredentialError) as refusal:
        parse(text)
    assert refusal.value.rule == "credential-format"


def test_the_long_format_derives_from_the_text_with_dashes() -> None:
    credential = "aaaaa-bbbbbb-ccccc-dddddd"
    halves = [hashlib.sha256(f"derive_credential|{UUID}|{i}|{credential}".encode()).hexdigest() for i in (0, 1)]
    assert secret_exponent(credential, UUID, ED25519) == int("".join(halves), 16) % ED25519.order


def test_the_short_format_derives_as_belenios_tool_2_0_does() -> None:
    # Made by `belenios-tool setup generate-credentials --group BELENIOS-2048 --uuid 11111111111111`.
    made = public_credential("9gN-AKE-nQP-fp9-1VW", "11111111111111", BELENIOS_2048)
    digest = hashlib.sha256(made.encode()).hexdigest()
    assert digest == "3f1ccd3e5631f29fcbd79031de47727d572b0de2acfe7d087cef38eefc2fc83c"


def test_another_election_gives_another_exponent(group: Group) -> None:
    credential = generate(group, secrets.token_bytes)
    assert secret_exponent(credential, UUID, group) != secret_exponent(credential, UUID + "1", group)


def test_a_public_credential_may_carry_a_weight(group: Group) -> None:
    element = public_credential(generate(group, secrets.token_bytes), UUID, group)
    assert parse_public(element, group) == (element, 1)
    assert parse_public(f"{element},12", group) == (element, 12)


@pytest.mark.parametrize("weight", [",", ",01", ",-1", ",1.5", ",1,1", ", 1"])
def test_a_weight_is_a_canonical_number(group: Group, weight: str) -> None:
    element = public_credential(generate(group, secrets.token_bytes), UUID, group)
    with pytest.raises((EncodingError, CredentialError)):
        parse_public(element + weight, group)


def test_a_public_credential_is_a_group_element(group: Group) -> None:
    for text in ("", "1", group.encode(group.identity), "ff" * 32):
        with pytest.raises(EncodingError):
            parse_public(text, group)
