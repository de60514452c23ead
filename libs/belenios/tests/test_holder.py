from __future__ import annotations

import secrets

import pytest
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import new_uuid
from evote_belenios.errors import CredentialError
from evote_belenios.groups import ED25519, Group
from evote_belenios.holder import prove_holding, verify_holding
from evote_belenios.order import OrderStatement, sign_order, verify_order
from evote_belenios.proofs import Proof

UUID, CHALLENGE = new_uuid(secrets.token_bytes), "29404801.ab12"
TRACKER = "A" * 43


def holder(group: Group) -> tuple[str, str]:
    private = generate(group, secrets.token_bytes)
    return private, public_credential(private, UUID, group)


def prove(private: str, group: Group, challenge: str = CHALLENGE) -> Proof:
    return prove_holding(private, UUID, group, challenge, secrets.token_bytes)


def test_whoever_has_the_credential_proves_it(group: Group) -> None:
    private, public = holder(group)
    verify_holding(prove(private, group), election_uuid=UUID, challenge=CHALLENGE, credential=public)


def test_nobody_else_does_and_no_proof_is_good_for_another_question(group: Group) -> None:
    private, public = holder(group)
    _, other = holder(group)
    proof = prove(private, group)
    questions = (
        {"election_uuid": UUID, "challenge": CHALLENGE, "credential": other},
        {"election_uuid": UUID, "challenge": "29404801.ab13", "credential": public},
        {"election_uuid": new_uuid(secrets.token_bytes), "challenge": CHALLENGE, "credential": public},
    )
    for question in questions:
        with pytest.raises(CredentialError) as refused:
            verify_holding(proof, **question)
        assert refused.value.rule == "holder-signature"


def test_a_proof_is_no_order_and_an_order_is_no_proof() -> None:
    private, public = holder(ED25519)
    statement = sign_order(private, UUID, ED25519, TRACKER, 1, secrets.token_bytes)
    with pytest.raises(CredentialError):
        verify_holding(statement.signature, election_uuid=UUID, challenge=CHALLENGE, credential=public)
    with pytest.raises(Exception, match="order-signature"):
        verify_order(OrderStatement(1, prove(private, ED25519)), election_uuid=UUID, tracker=TRACKER, credential=public)


@pytest.mark.parametrize("challenge", ["", "a|b", "a" * 101, "質問", "a\n"])
def test_a_challenge_that_could_say_something_else_is_not_signed(challenge: str) -> None:
    private, _ = holder(ED25519)
    with pytest.raises(CredentialError) as refused:
        prove(private, ED25519, challenge)
    assert refused.value.rule == "holder-challenge"
