"""The rules that need no service."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import UTC, datetime, timedelta

import pytest
import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_ballot.api import models
from evote_ballot.domain.envelope import open_envelope
from evote_ballot.domain.receipt import Acceptance, sign_receipt
from evote_ballot.domain.refusals import ElectionClosed, ElectionNotOpen, InvalidBallot, MalformedJson, WrongElection
from evote_ballot.domain.window import Window, check_window
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import generate
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519
from evote_platform.clock import rfc3339
from hypothesis import given
from hypothesis import strategies as st

NOON = datetime(2026, 11, 24, 12, tzinfo=UTC)
UUID = "1" * 14
json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["answers", "choices", "alpha"]), inner)
    ),
    max_leaves=8,
)


def window(closed: bool = False) -> Window:
    hour = timedelta(hours=1)
    return Window(rfc3339(NOON - hour), rfc3339(NOON + hour), closed)


def test_ballots_are_taken_from_the_opening_up_to_the_close() -> None:
    check_window(window(), NOON)
    check_window(window(), NOON - timedelta(hours=1))
    with pytest.raises(ElectionNotOpen):
        check_window(window(), NOON - timedelta(hours=1, milliseconds=1))
    with pytest.raises(ElectionClosed):
        check_window(window(), NOON + timedelta(hours=1))


def test_an_early_close_ends_the_window() -> None:
    with pytest.raises(ElectionClosed):
        check_window(window(closed=True), NOON)


@given(st.binary(max_size=100) | json_values.map(lambda value: json.dumps(value).encode()))
def test_whatever_arrives_is_an_envelope_or_refused_by_a_reason(body: bytes) -> None:
    with pytest.raises((MalformedJson, InvalidBallot, WrongElection)):
        open_envelope(body, UUID)


@given(json_values)
def test_an_envelope_with_strange_answers_is_refused(answers: object) -> None:
    body = json.dumps({"election_uuid": UUID, "credential": "c", "answers": answers}).encode()
    try:
        envelope = open_envelope(body, UUID)
    except (MalformedJson, InvalidBallot):
        return
    assert envelope.ciphertext_digests


def test_the_digests_are_those_of_the_protocol_library() -> None:
    text = election_json(
        group=ED25519,
        uuid=new_uuid(secrets.token_bytes),
        name="n",
        description="d",
        questions=[Question("q", ("a", "b"), blank=True, min=1, max=1), Question("r", ("c",), False, 0, 1)],
        public_key=ED25519.encode(ED25519.power_generator(7)),
        administrator="x",
        credential_authority="y",
    )
    election = parse_election(text)
    ballot = generate_ballot(election, generate(ED25519, secrets.token_bytes), [[0, 1, 0], [1]], secrets.token_bytes)
    envelope = open_envelope(ballot.encode(), election.uuid)
    parsed = parse_ballot(election, ballot)
    assert envelope.ciphertext_digests == parsed.ciphertext_digests
    assert (envelope.tracker, envelope.credential) == (parsed.tracker, parsed.credential)


def test_a_receipt_is_verified_by_anyone_with_the_public_key() -> None:
    key = Ed25519PrivateKey.generate()
    acceptance = Acceptance(UUID, "t" * 43, 2, 5, "2026-11-24T12:00:00.000Z")
    signed = sign_receipt(acceptance, key)
    read = models.Receipt.of(signed).model_dump()
    signature = base64.b64decode(read.pop("signature"))
    key.public_key().verify(signature, rfc8785.dumps(read))
    assert signed == sign_receipt(acceptance, key)
