"""Zero-knowledge proofs: honest ones hold, anything else does not."""

from __future__ import annotations

import secrets

import pytest
from evote_belenios.errors import EncodingError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group, hash_to_exponent, random_exponent
from evote_belenios.proofs import (
    Opening,
    Proof,
    Statement,
    knowledge_holds,
    one_of_holds,
    parse_proof,
    prove_knowledge,
    prove_one_of,
)
from hypothesis import given, settings
from hypothesis import strategies as st

both_groups = st.sampled_from([ED25519, BELENIOS_2048])


@settings(max_examples=20)
@given(both_groups, st.integers(1, 2**251))
def test_a_proof_of_knowledge_holds_for_its_key_and_prefix_alone(group: Group, secret: int) -> None:
    public = group.power_generator(secret)
    proof = prove_knowledge(group, secret, "pok|", secrets.token_bytes)
    assert knowledge_holds(group, public, "pok|", proof)
    assert not knowledge_holds(group, public, "sig|", proof)
    assert not knowledge_holds(group, group.power_generator(secret + 1), "pok|", proof)
    assert not knowledge_holds(group, public, "pok|", Proof(proof.challenge, (proof.response + 1) % group.order))


def branches(group: Group, message: int, values: range, public: int) -> tuple[list[Statement], list[Opening]]:
    """An encryption of ``message`` under the key of secret ``public``, as branches for each value."""
    secret = random_exponent(group, secrets.token_bytes)
    alpha = group.power_generator(secret)
    beta = group.power_generator(public * secret + message)
    statements = [Statement(alpha, group.divide(beta, group.power_generator(value))) for value in values]
    return statements, [Opening(secret, message - value) for value in values]


@settings(max_examples=20)
@given(both_groups, st.integers(1, 4), st.data())
def test_a_disjunction_holds_when_one_branch_does(group: Group, size: int, data: st.DataObject) -> None:
    message = data.draw(st.integers(0, size - 1))
    y = group.power_generator(99)
    y_power, y_secret_power = group.fixed_base(y), group.secret_fixed_base(y)
    statements, openings = branches(group, message, range(size), 99)
    proofs = prove_one_of(group, y_secret_power, openings, "prove|", secrets.token_bytes)
    assert one_of_holds(group, y_power, statements, "prove|", proofs)
    assert not one_of_holds(group, y_power, statements, "other|", proofs)
    assert not one_of_holds(group, y_power, statements[:-1], "prove|", proofs)
    assert not one_of_holds(group, y_power, [*statements[1:], statements[0]], "prove|", proofs) or size == 1


def test_nothing_is_proven_of_a_value_outside(group: Group) -> None:
    statements, openings = branches(group, 2, range(2), 99)
    with pytest.raises(ValueError, match="not in list"):
        prove_one_of(group, group.secret_fixed_base(group.power_generator(99)), openings, "", secrets.token_bytes)
    # A cheating prover who claims a branch anyway is found out.
    claimed = [openings[0], Opening(openings[1].secret, 0)]
    proofs = prove_one_of(group, group.secret_fixed_base(group.power_generator(99)), claimed, "", secrets.token_bytes)
    assert not one_of_holds(group, group.fixed_base(group.power_generator(99)), statements, "", proofs)


def test_a_proof_shows_no_secret_when_printed() -> None:
    assert "12345" not in repr(Opening(12345, 0))


def test_numbers_of_a_proof_are_reduced(group: Group) -> None:
    with pytest.raises(EncodingError, match="not reduced"):
        parse_proof({"challenge": str(group.order), "response": "0"}, group.order, "proof")


def test_version_1_lets_a_trustee_prove_a_wrong_decryption_factor(group: Group) -> None:
    """The challenge of a decryption proof hashes neither the ciphertext nor the factor.

    The threat model rests on what this shows: the proof is accepted although the factor is off by a power of g that
    the trustee can't choose. It goes away with a protocol version that hashes the whole statement.
    """
    secret, nonce, shift = (random_exponent(group, secrets.token_bytes) for _ in range(3))
    public, alpha = group.power_generator(secret), group.power_generator(31337)
    left = group.power_generator(nonce)
    right = group.multiply(group.power(alpha, nonce), group.power_generator(shift))
    prefix = f"decrypt|fingerprint|{group.encode(public)}|"
    challenge = hash_to_exponent(group, f"{prefix}{group.encode(left)},{group.encode(right)}")
    response = (nonce - secret * challenge) % group.order
    factor = group.power(group.divide(right, group.power(alpha, response)), pow(challenge, -1, group.order))

    commitment = group.multiply(group.power_generator(response), group.power(public, challenge))
    other_commitment = group.multiply(group.power(alpha, response), group.power(factor, challenge))
    hashed = f"{prefix}{group.encode(commitment)},{group.encode(other_commitment)}"
    assert hash_to_exponent(group, hashed) == challenge
    wrong_by = group.divide(factor, group.power(alpha, secret))
    assert wrong_by == group.power_generator(shift * pow(challenge, -1, group.order))
