"""Signed statements: what comes back is what was said, and nothing else comes back."""

from __future__ import annotations

import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_statements.signed import (
    LARGEST_STATEMENT,
    Statement,
    StatementMalformed,
    StatementRefused,
    StatementSignatureWrong,
    claimed_statement,
    sign_statement,
    verify_statement,
)
from hypothesis import given
from hypothesis import strategies as st


class Promise(Statement):
    kind = "test promise v1"

    who: str
    count: int


class Threat(Statement):
    kind = "test threat v1"

    who: str
    count: int


KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
SAID = Promise(who="佐藤", count=2)
SIGNED = sign_statement(SAID, KEY)


def test_a_signed_statement_comes_back_as_it_was_said() -> None:
    assert verify_statement(Promise, SIGNED, KEY.public_key()) == SAID
    assert claimed_statement(Promise, SIGNED) == SAID


def test_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key()
    with pytest.raises(StatementSignatureWrong):
        verify_statement(Promise, SIGNED, other)


def test_one_kind_does_not_pass_for_another() -> None:
    with pytest.raises(StatementMalformed):
        verify_statement(Threat, SIGNED, KEY.public_key())
    with pytest.raises(StatementSignatureWrong):
        verify_statement(Threat, json.dumps({**json.loads(SIGNED), "kind": Threat.kind}), KEY.public_key())


@pytest.mark.parametrize(("field", "value"), [("who", "田中"), ("count", 3)])
def test_every_field_is_signed(field: str, value: object) -> None:
    with pytest.raises(StatementSignatureWrong):
        verify_statement(Promise, json.dumps({**json.loads(SIGNED), field: value}), KEY.public_key())


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(StatementMalformed):
        verify_statement(Promise, json.dumps({**json.loads(SIGNED), "and": "more"}), KEY.public_key())


@pytest.mark.parametrize(("field", "value"), [("who", "\ud800"), ("count", 2**53)])
def test_what_canonical_json_can_not_carry_is_refused(field: str, value: object) -> None:
    with pytest.raises(StatementMalformed):
        verify_statement(Promise, json.dumps({**json.loads(SIGNED), field: value}), KEY.public_key())


def test_a_statement_beyond_the_limit_is_not_read() -> None:
    signed = sign_statement(Promise(who="x" * LARGEST_STATEMENT, count=1), KEY)
    with pytest.raises(StatementMalformed):
        verify_statement(Promise, signed, KEY.public_key())


@given(st.one_of(st.text(max_size=300), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(StatementRefused):
        verify_statement(Promise, text, KEY.public_key())


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_changes_nothing_or_refuses(place: int, sign: str) -> None:
    with contextlib.suppress(StatementRefused):
        assert verify_statement(Promise, SIGNED[:place] + sign + SIGNED[place + 1 :], KEY.public_key()) == SAID
