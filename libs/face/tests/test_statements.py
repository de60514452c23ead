"""Signed statements: what comes back is what was said, and nothing else comes back."""

from __future__ import annotations

import contextlib
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_device.keys import new_device_keys
from evote_face.statements import (
    CLOCK_SKEW,
    FaceOrder,
    FacePurpose,
    FaceVerdict,
    StatementExpired,
    verify_face_statement,
    verify_face_statement_as_of_then,
)
from evote_statements.signed import StatementMalformed, StatementRefused, StatementSignatureWrong, sign_statement
from hypothesis import given
from hypothesis import strategies as st

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
DEVICE_KEY = new_device_keys(lambda count: b"\x05" * count).public.text
OTHER_DEVICE_KEY = new_device_keys(lambda count: b"\x06" * count).public.text
KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32)
ORDER = FaceOrder(
    election_uuid="1" * 14,
    voter_ref="ab" * 16,
    order_id="cd" * 16,
    purpose=FacePurpose.VERIFY,
    device_key=DEVICE_KEY,
    issued_at=NOW,
    expires_at=NOW + timedelta(minutes=5),
)
SIGNED = sign_statement(ORDER, KEY)


def test_a_signed_statement_comes_back_as_it_was_said() -> None:
    assert verify_face_statement(FaceOrder, SIGNED, KEY.public_key(), NOW) == ORDER


def test_another_key_is_refused() -> None:
    other = Ed25519PrivateKey.from_private_bytes(b"\x02" * 32).public_key()
    with pytest.raises(StatementSignatureWrong):
        verify_face_statement(FaceOrder, SIGNED, other, NOW)


@pytest.mark.parametrize("now", [NOW - CLOCK_SKEW - timedelta(seconds=1), NOW + timedelta(minutes=5, seconds=1)])
def test_a_statement_is_good_within_its_validity_only(now: datetime) -> None:
    with pytest.raises(StatementExpired):
        verify_face_statement(FaceOrder, SIGNED, KEY.public_key(), now)
    assert verify_face_statement_as_of_then(FaceOrder, SIGNED, KEY.public_key()) == ORDER


def test_an_order_does_not_pass_for_a_verdict() -> None:
    with pytest.raises(StatementMalformed):
        verify_face_statement(FaceVerdict, SIGNED, KEY.public_key(), NOW)
    fields = json.loads(SIGNED)
    fields["kind"], fields["verdict_id"] = FaceVerdict.kind, "ef" * 16
    del fields["purpose"]
    with pytest.raises(StatementSignatureWrong):
        verify_face_statement(FaceVerdict, json.dumps(fields), KEY.public_key(), NOW)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("election_uuid", "2" * 14),
        ("voter_ref", "00" * 16),
        ("order_id", "00" * 16),
        ("device_key", OTHER_DEVICE_KEY),
        ("issued_at", "2026-11-24T08:00:00Z"),
        ("expires_at", "2027-11-24T09:05:00Z"),
    ],
)
def test_every_field_is_signed(field: str, value: str) -> None:
    fields = {**json.loads(SIGNED), field: value}
    with pytest.raises(StatementSignatureWrong):
        verify_face_statement(FaceOrder, json.dumps(fields), KEY.public_key(), NOW)


def test_an_order_names_a_device_when_it_is_to_verify_and_then_only() -> None:
    for changes in ({"purpose": "enrol"}, {"device_key": None}, {"device_key": "ed25519-x25519:" + "A" * 86}):
        with pytest.raises(StatementMalformed):
            verify_face_statement(FaceOrder, json.dumps({**json.loads(SIGNED), **changes}), KEY.public_key(), NOW)


@given(st.one_of(st.text(max_size=300), st.recursive(st.none() | st.text(), st.lists).map(json.dumps)))
def test_whatever_is_no_statement_is_refused(text: str) -> None:
    with pytest.raises(StatementRefused):
        verify_face_statement(FaceOrder, text, KEY.public_key(), NOW)


@given(st.integers(0, len(SIGNED) - 1), st.characters(codec="utf-8"))
def test_a_changed_character_changes_nothing_or_refuses(place: int, sign: str) -> None:
    changed = SIGNED[:place] + sign + SIGNED[place + 1 :]
    with contextlib.suppress(StatementRefused):
        assert verify_face_statement(FaceOrder, changed, KEY.public_key(), NOW) == ORDER
