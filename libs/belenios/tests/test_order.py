"""The order statement: what is signed is what is read, and nothing else passes for it."""

from __future__ import annotations

import json
import secrets
from dataclasses import replace
from typing import Any

import pytest
from evote_belenios.credentials import generate, public_credential, secret_exponent
from evote_belenios.errors import BeleniosError, EncodingError, OrderError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, group_of_element, hash_to_exponent
from evote_belenios.jsontext import dump, load
from evote_belenios.order import DOMAIN, LARGEST_NUMBER, OrderStatement, parse_order, sign_order, verify_order
from evote_belenios.proofs import prove_knowledge
from hypothesis import given, settings
from hypothesis import strategies as st

UUID = "Kfv5ngiYbJzRHQ"
TRACKER = "A" * 43
numbers = st.one_of(st.integers(1, 50), st.sampled_from([2**31, 2**32, LARGEST_NUMBER - 1, LARGEST_NUMBER]))


@pytest.fixture
def credential(group: Group) -> str:
    return generate(group, secrets.token_bytes)


@pytest.fixture
def facts(group: Group, credential: str) -> dict[str, str]:
    """What the statement is about."""
    return {"election_uuid": UUID, "tracker": TRACKER, "credential": public_credential(credential, UUID, group)}


def rule_of(statement: OrderStatement, **facts: str) -> str:
    with pytest.raises(BeleniosError) as refusal:
        verify_order(statement, **facts)
    return refusal.value.rule


@settings(max_examples=20)
@given(number=numbers)
def test_a_signed_number_is_read_back_and_holds(number: int) -> None:
    for group in (ED25519, BELENIOS_2048):
        credential = generate(group, secrets.token_bytes)
        statement = sign_order(credential, UUID, group, TRACKER, number, secrets.token_bytes)
        read = parse_order(load(dump(statement.to_json())), group)
        assert read == statement
        public = public_credential(credential, UUID, group)
        verify_order(read, election_uuid=UUID, tracker=TRACKER, credential=public)


def test_a_statement_is_of_one_number_ballot_election_and_credential(
    group: Group, credential: str, facts: dict[str, str]
) -> None:
    statement = sign_order(credential, UUID, group, TRACKER, 7, secrets.token_bytes)
    verify_order(statement, **facts)
    another = public_credential(generate(group, secrets.token_bytes), UUID, group)
    assert rule_of(replace(statement, number=8), **facts) == "order-signature"
    for changed in ({"tracker": "B" * 43}, {"election_uuid": "2" * 14}, {"credential": another}):
        assert rule_of(statement, **{**facts, **changed}) == "order-signature"


def test_a_ballots_signature_is_no_order_statement(group: Group, credential: str, facts: dict[str, str]) -> None:
    """Both are Schnorr signatures of one key: only the domain tells them apart."""
    prefix = f"{UUID}|{TRACKER}|7|{facts['credential']}|"
    secret = secret_exponent(credential, UUID, group)
    for domain in ("sig", "pok", "order", "", DOMAIN.upper()):
        forged = prove_knowledge(group, secret, f"{domain}|{prefix}", secrets.token_bytes)
        assert rule_of(OrderStatement(7, forged), **facts) == "order-signature"
    signed = prove_knowledge(group, secret, f"{DOMAIN}|{prefix}", secrets.token_bytes)
    verify_order(OrderStatement(7, signed), **facts)


def test_the_challenge_is_the_hash_that_the_readme_states(group: Group, credential: str, facts: dict[str, str]) -> None:
    """Recomputed from the README's words, as another implementation would."""
    statement = sign_order(credential, UUID, group, TRACKER, 3, secrets.token_bytes)
    public, proof = group.decode(facts["credential"]), statement.signature
    commitment = group.multiply(group.power_generator(proof.response), group.power(public, proof.challenge))
    text = f"evote-order|{UUID}|{TRACKER}|3|{facts['credential']}|{group.encode(commitment)}"
    assert hash_to_exponent(group, text) == proof.challenge


@pytest.mark.parametrize("number", [0, -1, LARGEST_NUMBER + 1])
def test_numbers_out_of_range_are_neither_signed_nor_read_nor_believed(
    group: Group, credential: str, facts: dict[str, str], number: int
) -> None:
    with pytest.raises(OrderError, match="order-number"):
        sign_order(credential, UUID, group, TRACKER, number, secrets.token_bytes)
    good = sign_order(credential, UUID, group, TRACKER, 1, secrets.token_bytes)
    with pytest.raises(OrderError, match="order-number"):
        parse_order({**good.to_json(), "number": number}, group)  # type: ignore[dict-item]
    assert rule_of(replace(good, number=number), **facts) == "order-number"


def test_what_is_no_tracker_is_not_signed(group: Group, credential: str) -> None:
    for tracker in ("", "A" * 42, "A" * 42 + "|", "A" * 44):
        with pytest.raises(ValueError, match="tracker"):
            sign_order(credential, UUID, group, tracker, 1, secrets.token_bytes)


def test_a_statement_has_one_form(group: Group, credential: str) -> None:
    good: Any = json.loads(dump(sign_order(credential, UUID, group, TRACKER, 1, secrets.token_bytes).to_json()))
    challenge, response = good["signature"]["challenge"], good["signature"]["response"]
    for bad in (
        {},
        [],
        {**good, "more": 1},
        {**good, "number": "1"},
        {**good, "number": True},
        {**good, "number": None},
        {**good, "signature": {"challenge": challenge}},
        {**good, "signature": {"challenge": challenge, "response": response, "more": "1"}},
        {**good, "signature": {"challenge": "0" + challenge, "response": response}},
        {**good, "signature": {"challenge": challenge, "response": str(int(response) + group.order)}},
        {**good, "signature": {"challenge": int(challenge), "response": response}},
    ):
        with pytest.raises(EncodingError):
            parse_order(bad, group)


def test_the_group_is_told_by_how_a_credential_is_written(group: Group, facts: dict[str, str]) -> None:
    assert group_of_element(facts["credential"]) is group
    for text in ("", "x", facts["credential"].upper() + "G", "٣"):
        with pytest.raises(EncodingError):
            group_of_element(text).decode(text)


def test_a_credential_that_is_no_element_has_signed_nothing(group: Group, credential: str) -> None:
    """The identity too: whoever could use it would need no secret."""
    statement = sign_order(credential, UUID, group, TRACKER, 1, secrets.token_bytes)
    for text in (group.encode(group.identity), "0" * 64, "17"):
        assert rule_of(statement, election_uuid=UUID, tracker=TRACKER, credential=text) == "group-element"
