"""Encrypted answers to one question: made with their proofs, read strictly, verified.

Specification: "Homomorphic answers", "Proofs of interval membership", "Proofs of possibly-blank votes".
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

from .election import Election, Question
from .errors import BallotError
from .groups import Element, Group, Random, random_exponent
from .jsontext import Fields, Json
from .proofs import (
    Ciphertext,
    Opening,
    Proof,
    Statement,
    make_ciphertext,
    one_of_holds,
    parse_ciphertext,
    parse_proof,
    prove_one_of,
)

_ANSWERS = "Encrypted answers"
_INTERVAL, _BLANK = "Proofs of interval membership", "Proofs of possibly-blank votes"


@dataclass(frozen=True)
class Answer:
    """An ``answer_h``: with a blank vote allowed, the first ciphertext says whether the vote is blank."""

    choices: tuple[Ciphertext, ...]
    individual_proofs: tuple[tuple[Proof, ...], ...]
    overall_proof: tuple[Proof, ...]
    blank_proof: tuple[Proof, ...] | None

    def to_json(self) -> Json:
        """The ``answer_h`` structure, its fields in the spec's order."""
        blank: dict[str, Json] = {} if self.blank_proof is None else {"blank_proof": _json(self.blank_proof)}
        return {
            "choices": [choice.to_json() for choice in self.choices],
            "individual_proofs": [_json(proofs) for proofs in self.individual_proofs],
            "overall_proof": _json(self.overall_proof),
            **blank,
        }

    @property
    def ciphertext_digests(self) -> tuple[str, ...]:
        """SHA-256 (hex) of each ``alpha,beta``."""
        return tuple(hashlib.sha256(choice.text.encode()).hexdigest() for choice in self.choices)


def make_answer(election: Election, question: Question, chosen: Sequence[int], prefix: str, random: Random) -> Answer:
    """Encrypt and prove a choice; ``prefix`` is the spec's S0, the fingerprint and the credential.

    Randomness is drawn for the encryptions in order, then for each individual proof, the overall and the blank
    proof. Raises ``BallotError`` (rule ``ballot-choices``) when the question doesn't allow the choice.
    """
    group, y_power = election.group, election.y_secret_power
    check_choices(question, chosen)
    secrets = [random_exponent(group, random) for _ in chosen]
    choices = tuple(
        make_ciphertext(
            group,
            group.secret_power_generator(secret),
            group.multiply(y_power(secret), group.secret_factor(value)),
        )
        for secret, value in zip(secrets, chosen, strict=True)
    )
    individual = tuple(
        prove_one_of(
            group,
            y_power,
            [Opening(secret, value), Opening(secret, value - 1)],
            f"prove|{prefix}|{choice.text}|",
            random,
        )
        for choice, value, secret in zip(choices, chosen, secrets, strict=True)
    )
    context = f"{prefix}|{_choices_text(choices)}"
    counted = slice(int(question.blank), None)
    count, count_secret = sum(chosen[counted]), sum(secrets[counted])
    allowed = [Opening(count_secret, count - value) for value in range(question.min, question.max + 1)]
    if not question.blank:
        hash_prefix = f"prove|{context}|{_sum_text(group, choices)}|"
        return Answer(choices, individual, prove_one_of(group, y_power, allowed, hash_prefix, random), None)
    blank_or_allowed = [Opening(secrets[0], chosen[0] - 1), *allowed]
    overall = prove_one_of(group, y_power, blank_or_allowed, f"bproof1|{context}|", random)
    not_blank_or_none = [Opening(secrets[0], chosen[0]), Opening(count_secret, count)]
    blank = prove_one_of(group, y_power, not_blank_or_none, f"bproof0|{context}|", random)
    return Answer(choices, individual, overall, blank)


def parse_answer(group: Group, question: Question, value: Json) -> Answer:
    """Read an ``answer_h`` strictly.

    Raises ``EncodingError`` for what is not canonical, ``BallotError`` (rule ``ballot-schema``) for another number
    of ciphertexts or proof branches than the question has.
    """
    fields = Fields(value, "answer")
    choices, individual = fields.array("choices"), fields.array("individual_proofs")
    if len(choices) != question.choices or len(individual) != question.choices:
        raise BallotError("ballot-schema", _ANSWERS, "not one ciphertext and proof for each choice")
    overall_branches = question.max - question.min + 1 + int(question.blank)
    answer = Answer(
        choices=tuple(parse_ciphertext(choice, group, "choice") for choice in choices),
        individual_proofs=tuple(_parse_proofs(proofs, group.order, 2) for proofs in individual),
        overall_proof=_parse_proofs(fields.array("overall_proof"), group.order, overall_branches),
        blank_proof=_parse_proofs(fields.array("blank_proof"), group.order, 2) if question.blank else None,
    )
    fields.end()
    return answer


def verify_answer(election: Election, question: Question, answer: Answer, prefix: str, number: int) -> None:
    """Check that an answer encrypts an allowed choice; ``number`` counts questions from 1, for messages.

    Raises ``BallotError`` with the rule ``ballot-individual-proof``, ``ballot-overall-proof`` or
    ``ballot-blank-proof``.
    """
    # Proofs of interval membership: each ciphertext encrypts 0 or 1.
    for choice, proofs in zip(answer.choices, answer.individual_proofs, strict=True):
        statements = _values(election.group, choice.alpha, choice.beta, range(2))
        if not one_of_holds(election.group, election.y_power, statements, f"prove|{prefix}|{choice.text}|", proofs):
            raise refused_answer(question, "ballot-individual-proof", number)
    context = f"{prefix}|{_choices_text(answer.choices)}"
    if answer.blank_proof is None:
        _verify_count(election, question, answer, context, number)
    else:
        _verify_possibly_blank(election, question, answer, answer.blank_proof, context, number)


def refused_answer(question: Question, rule: str, number: int) -> BallotError:
    """What is said of an answer that breaks a rule of :func:`verify_answer`."""
    section = _BLANK if question.blank and rule != "ballot-individual-proof" else _INTERVAL
    details = {
        "ballot-individual-proof": f"a choice of question {number} is not proven 0 or 1",
        "ballot-overall-proof": f"question {number}: the number of choices is not proven allowed",
        "ballot-blank-proof": f"question {number}: not proven to be blank or a vote, not both",
    }
    return BallotError(rule, section, details[rule])


def _verify_count(election: Election, question: Question, answer: Answer, context: str, number: int) -> None:
    """Proofs of interval membership: the number of choices is in [min, max]."""
    group = election.group
    statements = _values(group, *_product(group, answer.choices), range(question.min, question.max + 1))
    hash_prefix = f"prove|{context}|{_sum_text(group, answer.choices)}|"
    if not one_of_holds(group, election.y_power, statements, hash_prefix, answer.overall_proof):
        raise refused_answer(question, "ballot-overall-proof", number)


def _verify_possibly_blank(
    election: Election,
    question: Question,
    answer: Answer,
    blank_proof: tuple[Proof, ...],
    context: str,
    number: int,
) -> None:
    """Proofs of possibly-blank votes: blank or in [min, max]; and not blank or nothing chosen."""
    group, y_power = election.group, election.y_power
    first, total = answer.choices[0], _product(group, answer.choices[1:])
    is_blank = Statement(first.alpha, group.divide(first.beta, group.generator))
    allowed = _values(group, *total, range(question.min, question.max + 1))
    if not one_of_holds(group, y_power, [is_blank, *allowed], f"bproof1|{context}|", answer.overall_proof):
        raise refused_answer(question, "ballot-overall-proof", number)
    not_blank_or_none = [Statement(first.alpha, first.beta), Statement(*total)]
    if not one_of_holds(group, y_power, not_blank_or_none, f"bproof0|{context}|", blank_proof):
        raise refused_answer(question, "ballot-blank-proof", number)


def _values(group: Group, alpha: Element, beta: Element, values: range) -> list[Statement]:
    """One branch for each value that (alpha, beta) may encrypt."""
    first = group.divide(beta, group.power_generator(values.start)) if values.start else beta
    rests = accumulate(values[1:], lambda rest, _: group.divide(rest, group.generator), initial=first)
    return [Statement(alpha, rest) for rest in rests]


def _product(group: Group, choices: Sequence[Ciphertext]) -> tuple[Element, Element]:
    alpha, beta = choices[0].alpha, choices[0].beta
    for choice in choices[1:]:
        alpha, beta = group.multiply(alpha, choice.alpha), group.multiply(beta, choice.beta)
    return alpha, beta


def _sum_text(group: Group, choices: Sequence[Ciphertext]) -> str:
    alpha, beta = _product(group, choices)
    return f"{group.encode(alpha)},{group.encode(beta)}"


def check_choices(question: Question, chosen: Sequence[int]) -> None:
    """Raise ``BallotError`` (rule ``ballot-choices``) unless the question allows the choice."""
    if len(chosen) != question.choices or any(value not in (0, 1) for value in chosen):
        raise _impossible(f"a list of {question.choices} zeros and ones is needed")
    is_blank = question.blank and chosen[0] == 1
    count = sum(chosen) - int(is_blank)
    if is_blank and count:
        raise _impossible("a blank vote chooses no answer")
    if not is_blank and not question.min <= count <= question.max:
        raise _impossible(f"between {question.min} and {question.max} answers are to be chosen")


def _parse_proofs(value: Json, order: int, expected: int) -> tuple[Proof, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != expected:
        raise BallotError("ballot-schema", _ANSWERS, f"a proof has {expected} parts here")
    return tuple(parse_proof(proof, order, "proof") for proof in value)


def _choices_text(choices: Sequence[Ciphertext]) -> str:
    return ",".join(choice.text for choice in choices)


def _json(proofs: Sequence[Proof]) -> Json:
    return [proof.to_json() for proof in proofs]


def _impossible(detail: str) -> BallotError:
    return BallotError("ballot-choices", _ANSWERS, detail)
