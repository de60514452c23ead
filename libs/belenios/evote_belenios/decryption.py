"""Partial decryptions: each trustee's factors of the encrypted tally, with proofs.

Source: specification, "Partial decryptions".
"""

from __future__ import annotations

from collections.abc import Sequence

from .election import Election
from .errors import TallyError, TrusteeError
from .groups import Element, Random, hash_to_exponent, random_exponent
from .jsontext import Fields, Json, dump, load, texts
from .proofs import Proof, parse_proof
from .tally import EncryptedTally, TallyCiphertext, parse_encrypted_tally
from .trustees import DecryptionKey, Trustees

_SECTION = "Partial decryptions"

Factors = tuple[tuple[Element, ...], ...]
"""For each question, alpha to the trustee's key for each choice."""


def partial_decryption(election: Election, encrypted_tally_text: str, key: DecryptionKey, random: Random) -> str:
    """Raise the tally to a trustee's key, and prove it.

    The trustee makes sure beforehand that this is the tally of the ballots: a key decrypts whatever it is given. Raises
    what :func:`parse_encrypted_tally` raises, and ``TrusteeError`` (``trustee-group``) for a key of another group.
    """
    if key.group is not election.group:
        raise TrusteeError("trustee-group", _SECTION, f"the key is not of the group {election.group.name}")
    prefix = _prefix(election, key.public_key)
    factors: list[Json] = []
    proofs: list[Json] = []
    for row in parse_encrypted_tally(election, encrypted_tally_text):
        pairs = [_decrypt(election, ciphertext, key, prefix, random) for ciphertext in row]
        factors.append([election.group.encode(factor) for factor, _ in pairs])
        proofs.append([proof.to_json() for _, proof in pairs])
    return dump({"decryption_factors": factors, "decryption_proofs": proofs})


def verify_partial_decryption(
    election: Election, trustees: Trustees, trustee_index: int, encrypted_tally_text: str, partial_decryption_text: str
) -> None:
    """A trustee's partial decryption holds.

    Raises ``EncodingError`` for malformed text and factors outside the group; ``TrusteeError`` (``trustee-unknown``);
    ``TallyError``: ``decryption-schema``, ``decryption-proof``.
    """
    tally = parse_encrypted_tally(election, encrypted_tally_text)
    checked_factors(election, trustees.verification_key(trustee_index), tally, partial_decryption_text)


def checked_factors(
    election: Election, verification_key: Element, tally: EncryptedTally, partial_decryption_text: str
) -> Factors:
    """The factors of a partial decryption whose proofs hold; raises as :func:`verify_partial_decryption`."""
    group = election.group
    fields = Fields(load(partial_decryption_text), "partial_decryption")
    # The identity is a factor only where the tally has it; the proof sees to that.
    factors = tuple(
        tuple(group.decode_or_identity(text) for text in texts(row, "decryption_factors"))
        for row in fields.array("decryption_factors")
    )
    proofs = tuple(_parse_proofs(row, group.order) for row in fields.array("decryption_proofs"))
    fields.end()
    if not _shape(tally) == _shape(factors) == _shape(proofs):
        raise TallyError("decryption-schema", _SECTION, "not one factor and proof for each ciphertext of the tally")
    prefix = _prefix(election, verification_key)
    for number, (ciphertexts, row, row_proofs) in enumerate(zip(tally, factors, proofs, strict=True), 1):
        for position, (ciphertext, factor, proof) in enumerate(zip(ciphertexts, row, row_proofs, strict=True), 1):
            left = group.commitment(verification_key, proof.challenge, proof.response)
            right = group.multiply(group.power(ciphertext.alpha, proof.response), group.power(factor, proof.challenge))
            if hash_to_exponent(group, f"{prefix}{group.encode(left)},{group.encode(right)}") != proof.challenge:
                raise TallyError(
                    "decryption-proof", _SECTION, f"question {number}, choice {position}: the factor is not proven"
                )
    return factors


def _decrypt(
    election: Election, ciphertext: TallyCiphertext, key: DecryptionKey, prefix: str, random: Random
) -> tuple[Element, Proof]:
    group = election.group
    nonce = random_exponent(group, random)
    left = group.encode(group.secret_power_generator(nonce))
    right = group.encode(group.secret_power(ciphertext.alpha, nonce))
    challenge = hash_to_exponent(group, f"{prefix}{left},{right}")
    response = (nonce - key.exponent * challenge) % group.order
    return group.secret_power(ciphertext.alpha, key.exponent), Proof(challenge, response)


def _prefix(election: Election, verification_key: Element) -> str:
    return f"decrypt|{election.fingerprint}|{election.group.encode(verification_key)}|"


def _parse_proofs(row: Json, order: int) -> tuple[Proof, ...]:
    if not isinstance(row, list):
        raise TallyError("decryption-schema", _SECTION, "decryption_proofs are not arrays")
    return tuple(parse_proof(value, order, "decryption proof") for value in row)


def _shape(rows: Sequence[Sequence[object]]) -> list[int]:
    return [len(row) for row in rows]
