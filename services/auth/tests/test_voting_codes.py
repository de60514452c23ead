"""The rules of voting codes and of orders, by themselves."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta

import pytest
from evote_auth.domain.credentials import voting_code_digest
from evote_auth.domain.faces import MOST_ORDERS, ORDERS_WITHIN, check_orders_so_far
from evote_auth.domain.refusals import TooManyFaceOrders, VotingCodeMistyped
from evote_auth.domain.voting_codes import VotingCode, delay_after, new_voting_code, parse_voting_code
from evote_auth.keys.store import FileKeys
from hypothesis import assume, given
from hypothesis import strategies as st

ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
NOW = datetime(2026, 11, 24, tzinfo=UTC)
codes = st.binary(min_size=10, max_size=10).map(lambda content: new_voting_code(lambda _: content))
places = st.integers(min_value=0, max_value=15)


@given(codes)
def test_a_code_is_four_groups_of_four_without_look_alikes(code: VotingCode) -> None:
    assert [len(group) for group in code.shown.split("-")] == [4, 4, 4, 4]
    assert set(code.characters) <= set(ALPHABET) and not set(code.characters) & set("ILOU")
    assert parse_voting_code(code.shown) == code


@given(st.binary(min_size=10, max_size=10), st.integers(min_value=0, max_value=74))
def test_75_bits_of_the_random_ones_are_in_a_code(content: bytes, bit: int) -> None:
    flipped = (int.from_bytes(content) ^ (1 << bit)).to_bytes(10)
    assert new_voting_code(lambda _: content) != new_voting_code(lambda _: flipped)


@given(codes, places, st.sampled_from(ALPHABET))
def test_any_single_wrong_character_is_found(code: VotingCode, place: int, wrong: str) -> None:
    assume(code.characters[place] != wrong)
    with pytest.raises(VotingCodeMistyped):
        parse_voting_code(code.characters[:place] + wrong + code.characters[place + 1 :])


@given(codes, places, places)
def test_any_two_characters_that_changed_places_are_found(code: VotingCode, one: int, other: int) -> None:
    characters = list(code.characters)
    assume(characters[one] != characters[other])
    characters[one], characters[other] = characters[other], characters[one]
    with pytest.raises(VotingCodeMistyped):
        parse_voting_code("".join(characters))


@given(codes, st.integers(min_value=0, max_value=15))
def test_a_character_too_few_or_too_many_is_found(code: VotingCode, place: int) -> None:
    for typed in (code.characters[:place] + code.characters[place + 1 :], code.characters + code.characters[place]):
        with pytest.raises(VotingCodeMistyped):
            parse_voting_code(typed)


FULL_WIDTH = {ord(sign): ord(sign) + 0xFEE0 for sign in ALPHABET + ALPHABET.lower() + "-"}


@given(codes, st.data())
def test_a_code_is_read_however_it_is_typed(code: VotingCode, data: st.DataObject) -> None:
    def typed(sign: str) -> str:
        alike = {"0": "0OoＯｏ", "1": "1IiLlＩｌ"}.get(sign, sign + sign.lower())
        written = data.draw(st.sampled_from(alike))
        between = data.draw(st.sampled_from(["", "", "-", " ", "　", "－", "ー", "‐", "–", "−"]))
        return written + between

    text = "".join(typed(sign) for sign in code.characters)
    assert parse_voting_code(text) == code
    assert parse_voting_code(code.shown.translate(FULL_WIDTH)) == code
    assert parse_voting_code(f" {code.shown.lower()}\n") == code


@given(st.text(max_size=64))
def test_any_text_is_a_code_or_mistyped(text: str) -> None:
    try:
        code = parse_voting_code(text)
    except VotingCodeMistyped:
        return
    assert parse_voting_code(code.shown) == code


def test_a_code_does_not_print() -> None:
    code = new_voting_code(secrets.token_bytes)
    assert code.characters not in repr(code) and code.shown not in repr(code)


def test_what_is_kept_of_a_code_depends_on_the_key_and_on_the_election() -> None:
    code = new_voting_code(secrets.token_bytes)

    def kept_of(secret: bytes, election_uuid: str) -> str:
        return voting_code_digest(FileKeys(secret).key_of(election_uuid), election_uuid, code)

    kept = {
        kept_of(b"k" * 32, "4yP2vbZnkbxpPG"),
        kept_of(b"k" * 32, "5yP2vbZnkbxpPG"),
        kept_of(b"l" * 32, "4yP2vbZnkbxpPG"),
    }
    assert len(kept) == 3
    assert kept_of(b"k" * 32, "4yP2vbZnkbxpPG") in kept


@pytest.mark.parametrize(("wrong", "seconds"), [(0, 0), (30, 0), (31, 0.02), (80, 1), (130, 2), (10**9, 2)])
def test_wrong_codes_hold_everybody_up_a_little_and_never_for_long(wrong: int, seconds: float) -> None:
    assert delay_after(wrong) == timedelta(seconds=seconds)


def test_a_face_may_be_tried_so_often_and_then_again_when_the_oldest_try_is_an_hour_old() -> None:
    given_at = [NOW - timedelta(minutes=minute) for minute in range(MOST_ORDERS)]
    check_orders_so_far(given_at[1:], NOW)
    with pytest.raises(TooManyFaceOrders) as refused:
        check_orders_so_far(given_at, NOW)
    assert refused.value.retry_after_s == (ORDERS_WITHIN - timedelta(minutes=MOST_ORDERS - 1)).total_seconds()
