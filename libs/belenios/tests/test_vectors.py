"""The vectors of tests/vectors/ed25519, which another implementation computed from the specification."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.credentials import parse, public_credential, secret_exponent
from evote_belenios.election import parse_election
from evote_belenios.errors import BeleniosError, CredentialError, EncodingError
from evote_belenios.groups import ED25519, Random, hash_to_exponent
from evote_belenios.jsontext import dump, load
from evote_belenios.order import parse_order, sign_order, verify_order

from .verdicts import examined

FOLDER = Path(__file__).parents[3] / "tests" / "vectors" / "ed25519"
GROUP: dict[str, Any] = json.loads((FOLDER / "group.json").read_text())
CREDENTIALS: dict[str, Any] = json.loads((FOLDER / "credentials.json").read_text())
BALLOTS: dict[str, Any] = json.loads((FOLDER / "ballots.json").read_text())
ORDERS: dict[str, Any] = json.loads((FOLDER / "orders.json").read_text())


def test_constants() -> None:
    assert str(ED25519.order) == GROUP["order"]
    assert ED25519.encode(ED25519.generator) == GROUP["generator"]
    assert ED25519.encode(ED25519.identity) == GROUP["identity"]


@pytest.mark.parametrize("case", GROUP["power_of_generator"], ids=lambda case: case["exponent"][:12])
def test_powers_of_the_generator(case: dict[str, str]) -> None:
    assert ED25519.encode(ED25519.power_generator(int(case["exponent"]))) == case["element"]


@pytest.mark.parametrize("case", GROUP["power"], ids=lambda case: case["exponent"][:12])
def test_powers(case: dict[str, str]) -> None:
    assert ED25519.encode(ED25519.power(ED25519.decode(case["base"]), int(case["exponent"]))) == case["element"]


@pytest.mark.parametrize("case", GROUP["multiply"], ids=lambda case: case["left"][:12])
def test_products(case: dict[str, str]) -> None:
    product = ED25519.multiply(ED25519.decode(case["left"]), ED25519.decode(case["right"]))
    assert ED25519.encode(product) == case["product"]


@pytest.mark.parametrize("case", GROUP["hash_modulo_order"], ids=lambda case: repr(case["text"]))
def test_hashes(case: dict[str, str]) -> None:
    assert hash_to_exponent(ED25519, case["text"]) == int(case["number"])


@pytest.mark.parametrize("case", GROUP["refused"], ids=lambda case: f"{case['why']} {case['text'][-6:]}")
def test_texts_that_are_no_elements(case: dict[str, str]) -> None:
    with pytest.raises(EncodingError):
        ED25519.decode(case["text"])


@pytest.mark.parametrize("case", CREDENTIALS["accepted"], ids=lambda case: case["credential"])
def test_credentials(case: dict[str, str]) -> None:
    credential, uuid = case["credential"], CREDENTIALS["election_uuid"]
    assert secret_exponent(credential, uuid, ED25519) == int(case["secret_exponent"])
    assert public_credential(credential, uuid, ED25519) == case["public_credential"]


@pytest.mark.parametrize("text", CREDENTIALS["refused"], ids=repr)
def test_texts_that_are_no_credentials(text: str) -> None:
    with pytest.raises(CredentialError):
        parse(text)


@pytest.mark.parametrize("case", BALLOTS["accepted"], ids=lambda case: case["what"])
def test_ballots_are_accepted_and_made_again(case: dict[str, Any], stream: Callable[[bytes], Random]) -> None:
    election = parse_election(case["election"])
    assert election.fingerprint == case["fingerprint"]
    ballot = parse_ballot(election, case["ballot"])
    assert examined(election, case["ballot"]).tracker == ballot.tracker
    assert ballot.tracker == case["tracker"]
    assert list(ballot.ciphertext_digests) == case["ciphertext_digests"]
    random = stream(bytes.fromhex(case["random_seed"]))
    assert generate_ballot(election, case["credential"], case["choices"], random) == case["ballot"]


@pytest.mark.parametrize("case", BALLOTS["refused"], ids=lambda case: case["why"])
def test_ballots_are_refused_by_their_rule(case: dict[str, str]) -> None:
    election = parse_election(BALLOTS["accepted"][0]["election"])
    with pytest.raises(BeleniosError) as refusal:
        examined(election, case["ballot"])
    assert refusal.value.rule == case["rule"]


@pytest.mark.parametrize("case", ORDERS["accepted"], ids=lambda case: str(case["order"]["number"]))
def test_order_statements_are_accepted_and_made_again(case: dict[str, Any], stream: Callable[[bytes], Random]) -> None:
    uuid, tracker = ORDERS["election_uuid"], case["tracker"]
    statement = parse_order(case["order"], ED25519)
    verify_order(statement, election_uuid=uuid, tracker=tracker, credential=case["public_credential"])
    random = stream(bytes.fromhex(case["random_seed"]))
    assert sign_order(case["credential"], uuid, ED25519, tracker, statement.number, random) == statement
    assert load(dump(statement.to_json())) == case["order"]


@pytest.mark.parametrize("case", ORDERS["refused"], ids=lambda case: case["why"])
def test_order_statements_are_refused_by_their_rule(case: dict[str, Any]) -> None:
    with pytest.raises(BeleniosError) as refusal:
        verify_order(
            parse_order(case["order"], ED25519),
            election_uuid=ORDERS["election_uuid"],
            tracker=case["tracker"],
            credential=case["public_credential"],
        )
    assert refusal.value.rule == case["rule"]
