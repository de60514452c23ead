"""Zero-knowledge proofs over one group: of knowledge, and disjunctive ones over ElGamal ciphertexts.

Every proof is a list of (challenge, response) pairs whose commitments are recomputed and hashed
(specification, "Common structures", "Proofs of interval membership", "Proofs of possibly-blank votes").
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from .groups import Element, Group, Power, Random, hash_to_exponent, random_exponent
from .jsontext import Fields, Json


@dataclass(frozen=True)
class Proof:
    """A Schnorr-like pair of numbers modulo q."""

    challenge: int
    response: int

    def to_json(self) -> Json:
        """The ``proof`` structure."""
        return {"challenge": str(self.challenge), "response": str(self.response)}


@dataclass(frozen=True)
class Ciphertext:
    """An ElGamal encryption (g^r, y^r·g^m), with the texts of both halves, which are hashed again and again."""

    alpha: Element
    beta: Element
    alpha_text: str
    beta_text: str

    def to_json(self) -> Json:
        """The ``ciphertext`` structure."""
        return {"alpha": self.alpha_text, "beta": self.beta_text}

    @property
    def text(self) -> str:
        """``alpha,beta``, as the hashes of proofs take it."""
        return f"{self.alpha_text},{self.beta_text}"


@dataclass(frozen=True)
class Statement:
    """One branch of a disjunction: (alpha, beta·g^-m) is (g^r, y^r) for some r."""

    alpha: Element
    beta: Element
    """beta·g^-m: the encrypted message of the branch is divided out already."""


@dataclass(frozen=True)
class Opening:
    """What the prover knows of a branch: (alpha, beta·g^-m) is (g^secret, y^secret·g^excess)."""

    secret: int = field(repr=False)
    excess: int = field(repr=False)
    """0 when the branch is true."""


def parse_proof(value: Json, order: int, what: str) -> Proof:
    """A ``proof`` structure; ``EncodingError`` unless both numbers are canonical and reduced modulo q."""
    fields = Fields(value, what)
    proof = Proof(fields.exponent("challenge", order), fields.exponent("response", order))
    fields.end()
    return proof


def parse_ciphertext(value: Json, group: Group, what: str) -> Ciphertext:
    """A ``ciphertext`` structure; both halves are decoded strictly.

    A half may be the identity, as belenios-tool has it: who draws no randomness shows nothing but the own choice.
    """
    fields = Fields(value, what)
    alpha_text, beta_text = fields.text("alpha"), fields.text("beta")
    fields.end()
    alpha, beta = group.decode_or_identity(alpha_text), group.decode_or_identity(beta_text)
    return Ciphertext(alpha, beta, alpha_text, beta_text)


def make_ciphertext(group: Group, alpha: Element, beta: Element) -> Ciphertext:
    """A ciphertext of two elements."""
    return Ciphertext(alpha, beta, group.encode(alpha), group.encode(beta))


def prove_knowledge(group: Group, secret: int, prefix: str, random: Random) -> Proof:
    """Prove knowledge of ``secret`` = log X: the challenge is the hash of ``prefix`` and the commitment g^w."""
    nonce = random_exponent(group, random)
    challenge = hash_to_exponent(group, prefix + group.encode(group.secret_power_generator(nonce)))
    return Proof(challenge, (nonce - secret * challenge) % group.order)


def knowledge_holds(group: Group, public: Element, prefix: str, proof: Proof) -> bool:
    """Whether the proof shows knowledge of the discrete logarithm of ``public``."""
    commitment = group.commitment(public, proof.challenge, proof.response)
    return hash_to_exponent(group, prefix + group.encode(commitment)) == proof.challenge


def prove_one_of(
    group: Group, y_power: Power, openings: Sequence[Opening], prefix: str, random: Random
) -> tuple[Proof, ...]:
    """Prove that one of the branches holds under the key y, without saying which one it is.

    ``y_power`` raises y to secret exponents. The prover knows every opening, so that a simulated branch's commitment
    costs no more than an honest one. For each branch in order a nonce is drawn, then, unless it is the first true one,
    its challenge. Raises ``ValueError`` when no branch is true.
    """
    true_index = [opening.excess for opening in openings].index(0)
    nonces, challenges, commitments = [], [], []
    for index in range(len(openings)):
        nonces.append(random_exponent(group, random))
        challenges.append(0 if index == true_index else random_exponent(group, random))
    # One power less than there are branches, whichever is true: what a true one is multiplied by is known.
    factors = [
        group.secret_power_generator(opening.excess * challenge)
        for index, (opening, challenge) in enumerate(zip(openings, challenges, strict=True))
        if index != true_index
    ]
    factors.insert(true_index, group.secret_factor(0))
    for nonce, factor in zip(nonces, factors, strict=True):
        left, right = group.secret_power_generator(nonce), group.multiply(y_power(nonce), factor)
        commitments.append(f"{group.encode(left)},{group.encode(right)}")
    total = hash_to_exponent(group, prefix + ",".join(commitments))
    challenges[true_index] = (total - sum(challenges)) % group.order
    return tuple(
        Proof(challenge, (nonce - opening.secret * challenge) % group.order)
        for opening, nonce, challenge in zip(openings, nonces, challenges, strict=True)
    )


def one_of_holds(
    group: Group, y_power: Power, statements: Sequence[Statement], prefix: str, proofs: Sequence[Proof]
) -> bool:
    """Whether the disjunctive proof holds; False as well when it has another number of branches."""
    if len(statements) != len(proofs):
        return False
    commitments = [
        _commitment(group, y_power, statement, proof) for statement, proof in zip(statements, proofs, strict=True)
    ]
    total = hash_to_exponent(group, prefix + ",".join(commitments))
    return total == sum(proof.challenge for proof in proofs) % group.order


def _commitment(group: Group, y_power: Power, statement: Statement, proof: Proof) -> str:
    """``A,B`` with A = g^response·alpha^challenge and B = y^response·beta^challenge."""
    left = group.commitment(statement.alpha, proof.challenge, proof.response)
    right = group.multiply(y_power(proof.response), group.power(statement.beta, proof.challenge))
    return f"{group.encode(left)},{group.encode(right)}"
