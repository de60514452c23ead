"""A trustee who proves a wrong factor, as protocol version 1 lets them, delays the result and doesn't stop it."""

from __future__ import annotations

import json
import secrets
from types import SimpleNamespace

import pytest
from evote_belenios import threshold
from evote_belenios.ballots import generate_ballot, parse_ballot
from evote_belenios.channel import TrusteeSecret
from evote_belenios.credentials import generate
from evote_belenios.decryption import partial_decryption, verify_partial_decryption
from evote_belenios.election import Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519, hash_to_exponent, random_exponent
from evote_belenios.jsontext import dump
from evote_belenios.tally import EncryptedTallyAccumulator
from evote_belenios.trustees import parse_trustees, trustees_json
from evote_eventlog.events import EncryptedTallyComputed
from evote_tally.domain.counting import deciding_decryptions

RANDOM = secrets.token_bytes


@pytest.fixture(scope="module")
def counted() -> SimpleNamespace:
    """An election of one voter and three trustees, two of whom are needed."""
    seeds = [TrusteeSecret.generate(RANDOM) for _ in range(3)]
    certificates = [
        threshold.certificate(seed, ED25519, index=index, threshold=2, size=3, random=RANDOM)
        for index, seed in enumerate(seeds, 1)
    ]
    polynomials = [threshold.polynomial(seed, ED25519, certificates, 2, RANDOM) for seed in seeds]
    commitments = [threshold.commitment(text) for text in polynomials]
    voutputs = [
        threshold.committed_voutput(seed, ED25519, certificates, 2, polynomials, commitments, RANDOM) for seed in seeds
    ]
    trustees = trustees_json([], [threshold.threshold_parameters(ED25519, certificates, 2, polynomials, voutputs)])
    parsed = parse_trustees(trustees, ED25519)
    text = election_json(
        group=ED25519,
        uuid=new_uuid(RANDOM),
        name="n",
        description="d",
        questions=[Question("q", ("a", "b"), blank=False, min=0, max=1)],
        public_key=parsed.public_key_text,
        administrator="a",
        credential_authority="c",
    )
    election = parse_election(text)
    accumulator = EncryptedTallyAccumulator(election)
    accumulator.add(parse_ballot(election, generate_ballot(election, generate(ED25519, RANDOM), [[1, 0]], RANDOM)))
    keys = [
        threshold.decryption_key_from(seed, ED25519, threshold.encrypted_decryption_key(voutput, ED25519))
        for seed, voutput in zip(seeds, voutputs, strict=True)
    ]
    tally = accumulator.encrypted_tally_json()
    return SimpleNamespace(
        election=election,
        trustees_json=trustees,
        trustees=parsed,
        tally=tally,
        sized=accumulator.sized_json(),
        honest={index: partial_decryption(election, tally, key, RANDOM) for index, key in enumerate(keys, 1)},
        lie=lie(election, tally, keys[0].exponent),
    )


def lie(election, tally: str, secret: int) -> str:
    """Proven factors that are off by a power of g which the liar can't choose."""
    factors, proofs = [], []
    public = ED25519.power_generator(secret)
    for row in json.loads(tally):
        factor_row, proof_row = [], []
        for ciphertext in row:
            alpha = ED25519.decode(ciphertext["alpha"])
            nonce, shift = random_exponent(ED25519, RANDOM), random_exponent(ED25519, RANDOM)
            left = ED25519.power_generator(nonce)
            right = ED25519.multiply(ED25519.power(alpha, nonce), ED25519.power_generator(shift))
            prefix = f"decrypt|{election.fingerprint}|{ED25519.encode(public)}|"
            challenge = hash_to_exponent(ED25519, f"{prefix}{ED25519.encode(left)},{ED25519.encode(right)}")
            response = (nonce - secret * challenge) % ED25519.order
            offset = ED25519.divide(right, ED25519.power(alpha, response))
            factor_row.append(ED25519.encode(ED25519.power(offset, pow(challenge, -1, ED25519.order))))
            proof_row.append({"challenge": str(challenge), "response": str(response)})
        factors.append(factor_row)
        proofs.append(proof_row)
    return dump({"decryption_factors": factors, "decryption_proofs": proofs})


def state_of(counted: SimpleNamespace, partial_decryptions: dict[int, str]) -> SimpleNamespace:
    """What the decision looks at, of an election's state."""
    tally = EncryptedTallyComputed(
        election_uuid=counted.election.uuid,
        sized_encrypted_tally=counted.sized,
        encrypted_tally=counted.tally,
        log_size=1,
    )
    return SimpleNamespace(
        fact=lambda _kind: tally,
        opened=SimpleNamespace(election_json=counted.election.json, trustees_json=counted.trustees_json),
        draft=SimpleNamespace(threshold=2),
        partial_decryptions=partial_decryptions,
    )


def test_the_lie_is_accepted_as_a_partial_decryption(counted) -> None:
    verify_partial_decryption(counted.election, counted.trustees, 1, counted.tally, counted.lie)


def test_a_liar_and_one_honest_trustee_give_no_result(counted) -> None:
    assert deciding_decryptions(state_of(counted, {1: counted.lie, 2: counted.honest[2]})) is None


def test_with_one_more_honest_trustee_the_result_comes_without_the_liar(counted) -> None:
    received = {1: counted.lie, 3: counted.honest[3], 2: counted.honest[2]}
    decided = deciding_decryptions(state_of(counted, received))
    assert decided is not None
    assert list(decided.partial_decryptions) == [3, 2]
    assert json.loads(decided.result) == {"result": [[1, 0]]}


def test_without_a_lie_the_first_to_come_decide(counted) -> None:
    received = {3: counted.honest[3], 1: counted.honest[1], 2: counted.honest[2]}
    decided = deciding_decryptions(state_of(counted, received))
    assert decided is not None and list(decided.partial_decryptions) == [3, 1]
