"""The vectors of trustees, ceremony and tally, which another implementation computed from the specification."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from evote_belenios import threshold
from evote_belenios.ballots import parse_ballot, verify_ballot
from evote_belenios.channel import TrusteeSecret
from evote_belenios.decryption import partial_decryption, verify_partial_decryption
from evote_belenios.election import parse_election
from evote_belenios.groups import ED25519, Random
from evote_belenios.result import compute_result, verify_result
from evote_belenios.tally import EncryptedTallyAccumulator, verify_encrypted_tally
from evote_belenios.trustees import DecryptionKey, parse_trustees, public_key_json, trustees_json, verify_election_key

FOLDER = Path(__file__).parents[3] / "tests" / "vectors" / "ed25519"
TRUSTEES: dict[str, Any] = json.loads((FOLDER / "trustees.json").read_text())
TALLY: dict[str, Any] = json.loads((FOLDER / "tally.json").read_text())
CEREMONY: list[dict[str, str]] = TRUSTEES["ceremony"]
NEEDED: int = TRUSTEES["threshold"]
CERTIFICATES = [one["certificate"] for one in CEREMONY]
POLYNOMIALS = [one["polynomial"] for one in CEREMONY]
INDICES = range(1, len(CEREMONY) + 1)
NewStream = Callable[[bytes], Random]


def test_a_basic_trustee_s_key(stream: NewStream) -> None:
    basic = TRUSTEES["basic"]
    key = DecryptionKey.from_private_key(basic["private_key"], ED25519)
    assert public_key_json(key, stream(bytes.fromhex(basic["random_seed"]))) == basic["public_key"]


@pytest.mark.parametrize("index", INDICES)
def test_each_step_of_the_ceremony(index: int, stream: NewStream) -> None:
    case = CEREMONY[index - 1]
    secret = TrusteeSecret.from_text(case["secret"])
    seeded = {step: stream(bytes.fromhex(case[f"{step}_seed"])) for step in ("certificate", "polynomial", "voutput")}
    assert case["certificate"] == threshold.certificate(
        secret, ED25519, index=index, threshold=NEEDED, size=len(CEREMONY), random=seeded["certificate"]
    )
    assert case["polynomial"] == threshold.polynomial(secret, ED25519, CERTIFICATES, NEEDED, seeded["polynomial"])
    assert case["commitment"] == threshold.commitment(case["polynomial"])
    assert case["vinput"] == threshold.vinput(ED25519, CERTIFICATES, NEEDED, POLYNOMIALS, index=index)
    commitments = [one["commitment"] for one in CEREMONY]
    assert case["voutput"] == threshold.committed_voutput(
        secret, ED25519, CERTIFICATES, NEEDED, POLYNOMIALS, commitments, seeded["voutput"]
    )
    encrypted = threshold.encrypted_decryption_key(case["voutput"], ED25519)
    assert case["decryption_key"] == str(threshold.decryption_key_from(secret, ED25519, encrypted).exponent)


def test_what_the_election_publishes() -> None:
    voutputs = [one["voutput"] for one in CEREMONY]
    parameters = threshold.threshold_parameters(ED25519, CERTIFICATES, NEEDED, POLYNOMIALS, voutputs)
    assert parameters == TRUSTEES["threshold_parameters"]
    assert trustees_json([TRUSTEES["basic"]["public_key"]], [parameters]) == TRUSTEES["trustees"]
    assert parse_trustees(TRUSTEES["trustees"], ED25519).public_key_text == TRUSTEES["public_key"]


def test_the_tally_and_its_decryption(stream: NewStream) -> None:
    election, trustees = parse_election(TALLY["election"]), parse_trustees(TRUSTEES["trustees"], ED25519)
    verify_election_key(election, trustees)
    accumulator = EncryptedTallyAccumulator(election)
    for case in TALLY["ballots"]:
        ballot = parse_ballot(election, case["ballot"])
        verify_ballot(election, ballot)
        accumulator.add(ballot, case["weight"])
    tally: str = TALLY["encrypted_tally"]
    assert accumulator.encrypted_tally_json() == tally
    verify_encrypted_tally(accumulator, tally, TALLY["sized_encrypted_tally"])
    exponents = [json.loads(TRUSTEES["basic"]["private_key"]), *(one["decryption_key"] for one in CEREMONY)]
    texts = {}
    for case in TALLY["partial_decryptions"]:
        trustee, text = case["trustee"], case["partial_decryption"]
        verify_partial_decryption(election, trustees, trustee, tally, text)
        key = DecryptionKey(ED25519, int(exponents[trustee - 1]))
        assert partial_decryption(election, tally, key, stream(bytes.fromhex(case["random_seed"]))) == text
        texts[trustee] = text
    for enough in TALLY["enough"]:
        used = {trustee: texts[trustee] for trustee in enough}
        assert compute_result(election, trustees, tally, accumulator.total_weight, used) == TALLY["result"]
        verify_result(election, trustees, tally, accumulator.total_weight, used, TALLY["result"])
