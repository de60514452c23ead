"""Ballots: made on the voter's device, verified by everyone (specification, "Encrypted answers", "Ballots")."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from .credentials import secret_exponent
from .election import Election, Question
from .errors import BallotError
from .groups import Element, Group, Random, random_exponent
from .jsontext import Fields, Json, dump, load
from .proofs import (
    Ciphertext,
    Proof,
    Statement,
    knowledge_holds,
    make_ciphertext,
    one_of_holds,
    parse_ciphertext,
    parse_proof,
    prove_knowledge,
    prove_one_of,
)

_BALLOTS, _ANSWERS, _SIGNATURES = "Ballots", "Encrypted answers", "Signatures"
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


@dataclass(frozen=True)
class Ballot:
    """A ballot whose structure and encodings are right; :func:`verify_ballot` tells whether it counts."""

    text: str
    election_uuid: str
    election_hash: str
    credential: str
    credential_element: Element
    answers: tuple[Answer, ...]
    signature_hash: str
    signature: Proof

    @cached_property
    def tracker(self) -> str:
        """The smart ballot tracker."""
        return tracker_of(self.text)

    @cached_property
    def ciphertext_digests(self) -> tuple[str, ...]:
        """SHA-256 (hex) of each ``alpha,beta``: equal digests in two ballots mean a copied ciphertext."""
        return tuple(
            hashlib.sha256(choice.text.encode()).hexdigest() for answer in self.answers for choice in answer.choices
        )


def tracker_of(text: str) -> str:
    """The smart ballot tracker: unpadded base64 of SHA-256 of the ballot's exact text."""
    return _digest(text)


def generate_ballot(election: Election, credential: str, choices: Sequence[Sequence[int]], random: Random) -> str:
    """Encrypt, prove and sign a vote; returns the ballot's text.

    ``choices`` has one list of 0 and 1 for each question, as long as the question's ciphertexts: the blank vote
    first where it is allowed. Raises ``BallotError`` (rule ``ballot-choices``) when no valid ballot says that, and
    ``CredentialError`` for a malformed credential.
    """
    if len(choices) != len(election.questions):
        raise _impossible("one list of choices for each question is needed")
    group = election.group
    secret = secret_exponent(credential, election.uuid, group)
    credential_text = group.encode(group.power_generator(secret))
    prefix = f"{election.fingerprint}|{credential_text}"
    answers = [
        _make_answer(election, question, chosen, prefix, random)
        for question, chosen in zip(election.questions, choices, strict=True)
    ]
    unsigned = _unsigned(election.uuid, election.fingerprint, credential_text, answers)
    ballot_hash = _digest(dump(unsigned))
    signature = prove_knowledge(group, secret, f"sig|{ballot_hash}|", random)
    return dump({**unsigned, "signature": {"hash": ballot_hash, "proof": signature.to_json()}})


def parse_ballot(election: Election, text: str) -> Ballot:
    """Read a ballot strictly, without checking any proof.

    Raises ``EncodingError`` for malformed JSON, unknown or missing fields and elements or numbers that are not
    canonical; ``BallotError`` for the wrong number of answers or proofs (``ballot-shape``) and for a text that is
    not the one compact text of its content (``ballot-canonical``).
    """
    group = election.group
    fields = Fields(load(text), "ballot")
    credential = fields.text("credential")
    signature = Fields(fields.value("signature"), "signature")
    answers = fields.array("answers")
    if len(answers) != len(election.questions):
        raise BallotError("ballot-shape", _BALLOTS, f"there are {len(answers)} answers")
    ballot = Ballot(
        text=text,
        election_uuid=fields.text("election_uuid"),
        election_hash=fields.text("election_hash"),
        credential=credential,
        credential_element=group.decode(credential),
        answers=tuple(
            _parse_answer(group, question, value) for question, value in zip(election.questions, answers, strict=True)
        ),
        signature_hash=signature.text("hash"),
        signature=parse_proof(signature.value("proof"), group.order, "signature.proof"),
    )
    signature.end()
    fields.end()
    if _to_text(ballot) != text:
        # Otherwise one vote would have many texts, hence many trackers.
        raise BallotError("ballot-canonical", _BALLOTS, "not the compact text of its own content")
    return ballot


def verify_ballot(election: Election, ballot: Ballot) -> None:
    """Check everything that a ballot says by itself; raises ``BallotError``."""
    verify_election_binding(election, ballot)
    verify_signature(election, ballot)
    verify_proofs(election, ballot)


def verify_election_binding(election: Election, ballot: Ballot) -> None:
    """The ballot is for this election (rules ``ballot-election-uuid``, ``ballot-election-hash``)."""
    if ballot.election_uuid != election.uuid:
        raise BallotError("ballot-election-uuid", _BALLOTS, "the ballot is for another election")
    if ballot.election_hash != election.fingerprint:
        raise BallotError("ballot-election-hash", _BALLOTS, "the ballot is for another text of the election")


def verify_signature(election: Election, ballot: Ballot) -> None:
    """The credential signed this content (rules ``ballot-hash``, ``ballot-signature``)."""
    unsigned = _unsigned(ballot.election_uuid, ballot.election_hash, ballot.credential, ballot.answers)
    if ballot.signature_hash != _digest(dump(unsigned)):
        raise BallotError("ballot-hash", _SIGNATURES, "signature.hash is not the hash of the ballot")
    prefix = f"sig|{ballot.signature_hash}|"
    if not knowledge_holds(election.group, ballot.credential_element, prefix, ballot.signature):
        raise BallotError("ballot-signature", _SIGNATURES, "the credential did not sign this ballot")


def verify_proofs(election: Election, ballot: Ballot) -> None:
    """Every answer encrypts an allowed choice.

    Rules ``ballot-individual-proof``, ``ballot-overall-proof`` and ``ballot-blank-proof``.
    """
    prefix = f"{ballot.election_hash}|{ballot.credential}"
    for number, (question, answer) in enumerate(zip(election.questions, ballot.answers, strict=True), 1):
        # 1. Each ciphertext encrypts 0 or 1.
        for choice, proofs in zip(answer.choices, answer.individual_proofs, strict=True):
            statements = _interval(election.group, choice.alpha, choice.beta, range(2))
            hash_prefix = f"prove|{prefix}|{choice.text}|"
            if not one_of_holds(election.group, election.y_power, statements, hash_prefix, proofs):
                raise BallotError(
                    "ballot-individual-proof",
                    _INTERVAL,
                    f"a choice of question {number} is not proven 0 or 1",
                )
        # 2. The sum is allowed, and 3. a blank vote chooses nothing.
        _verify_overall(election, question, answer, f"{prefix}|{_choices_text(answer.choices)}", number)


def _verify_overall(election: Election, question: Question, answer: Answer, context: str, number: int) -> None:
    group, y_power = election.group, election.y_power
    statements, hash_prefix = _overall_statements(group, question, answer.choices, context)
    if not one_of_holds(group, y_power, statements, hash_prefix, answer.overall_proof):
        section = _BLANK if question.blank else _INTERVAL
        raise BallotError(
            "ballot-overall-proof", section, f"question {number}: the number of choices is not proven allowed"
        )
    if answer.blank_proof is not None:
        statements, hash_prefix = _blank_statements(group, answer.choices, context)
        if not one_of_holds(group, y_power, statements, hash_prefix, answer.blank_proof):
            raise BallotError(
                "ballot-blank-proof", _BLANK, f"question {number}: not proven to be blank or a vote, not both"
            )


def _make_answer(election: Election, question: Question, chosen: Sequence[int], prefix: str, random: Random) -> Answer:
    group, y_power = election.group, election.y_power
    _check_choices(question, chosen)
    secrets = [random_exponent(group, random) for _ in chosen]
    choices = tuple(
        make_ciphertext(
            group,
            group.power_generator(secret),
            group.multiply(y_power(secret), group.power_generator(value)),
        )
        for secret, value in zip(secrets, chosen, strict=True)
    )
    individual = tuple(
        prove_one_of(
            group,
            y_power,
            _interval(group, choice.alpha, choice.beta, range(2)),
            value,
            secret,
            f"prove|{prefix}|{choice.text}|",
            random,
        )
        for choice, value, secret in zip(choices, chosen, secrets, strict=True)
    )
    context = f"{prefix}|{_choices_text(choices)}"
    statements, hash_prefix = _overall_statements(group, question, choices, context)
    if not question.blank:
        overall = prove_one_of(
            group,
            y_power,
            statements,
            sum(chosen) - question.min,
            sum(secrets) % group.order,
            hash_prefix,
            random,
        )
        return Answer(choices, individual, overall, None)
    # The first branch of the overall proof and the second of the blank proof are the blank vote's.
    sum_secret = sum(secrets[1:]) % group.order
    is_blank = chosen[0] == 1
    true_index = 0 if is_blank else sum(chosen[1:]) - question.min + 1
    overall_secret = secrets[0] if is_blank else sum_secret
    overall = prove_one_of(group, y_power, statements, true_index, overall_secret, hash_prefix, random)
    statements, hash_prefix = _blank_statements(group, choices, context)
    blank_secret = sum_secret if is_blank else secrets[0]
    blank = prove_one_of(group, y_power, statements, int(is_blank), blank_secret, hash_prefix, random)
    return Answer(choices, individual, overall, blank)


def _overall_statements(
    group: Group, question: Question, choices: Sequence[Ciphertext], context: str
) -> tuple[list[Statement], str]:
    """The sum is in [min, max], or (with a blank vote) the vote is blank; and the hash's prefix."""
    allowed = range(question.min, question.max + 1)
    if not question.blank:
        alpha, beta = _product(group, choices)
        sums = f"{group.encode(alpha)},{group.encode(beta)}"
        return _interval(group, alpha, beta, allowed), f"prove|{context}|{sums}|"
    alpha, beta = _product(group, choices[1:])
    is_blank = Statement(choices[0].alpha, group.divide(choices[0].beta, group.generator))
    return [is_blank, *_interval(group, alpha, beta, allowed)], f"bproof1|{context}|"


def _blank_statements(group: Group, choices: Sequence[Ciphertext], context: str) -> tuple[list[Statement], str]:
    """The vote is not blank, or nothing is chosen; and the hash's prefix."""
    alpha, beta = _product(group, choices[1:])
    statements = [Statement(choices[0].alpha, choices[0].beta), Statement(alpha, beta)]
    return statements, f"bproof0|{context}|"


def _interval(group: Group, alpha: Element, beta: Element, values: range) -> list[Statement]:
    return [Statement(alpha, group.divide(beta, group.power_generator(value)) if value else beta) for value in values]


def _product(group: Group, choices: Sequence[Ciphertext]) -> tuple[Element, Element]:
    alpha, beta = choices[0].alpha, choices[0].beta
    for choice in choices[1:]:
        alpha, beta = group.multiply(alpha, choice.alpha), group.multiply(beta, choice.beta)
    return alpha, beta


def _check_choices(question: Question, chosen: Sequence[int]) -> None:
    if len(chosen) != question.choices or any(value not in (0, 1) for value in chosen):
        raise _impossible(f"a list of {question.choices} zeros and ones is needed")
    is_blank = question.blank and chosen[0] == 1
    count = sum(chosen) - int(is_blank)
    if is_blank and count:
        raise _impossible("a blank vote chooses no answer")
    if not is_blank and not question.min <= count <= question.max:
        raise _impossible(f"between {question.min} and {question.max} answers are to be chosen")


def _parse_answer(group: Group, question: Question, value: Json) -> Answer:
    fields = Fields(value, "answer")
    choices, individual = fields.array("choices"), fields.array("individual_proofs")
    if len(choices) != question.choices or len(individual) != question.choices:
        raise BallotError("ballot-shape", _ANSWERS, "not one ciphertext and proof for each choice")
    answer = Answer(
        choices=tuple(parse_ciphertext(choice, group, "choice") for choice in choices),
        individual_proofs=tuple(_parse_proofs(proofs, group.order, 2) for proofs in individual),
        overall_proof=_parse_proofs(
            fields.array("overall_proof"), group.order, question.max - question.min + 1 + int(question.blank)
        ),
        blank_proof=_parse_proofs(fields.array("blank_proof"), group.order, 2) if question.blank else None,
    )
    fields.end()
    return answer


def _parse_proofs(value: Json, order: int, expected: int) -> tuple[Proof, ...]:
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) != expected:
        raise BallotError("ballot-shape", _ANSWERS, f"a proof has {expected} parts here")
    return tuple(parse_proof(proof, order, "proof") for proof in value)


def _to_text(ballot: Ballot) -> str:
    unsigned = _unsigned(ballot.election_uuid, ballot.election_hash, ballot.credential, ballot.answers)
    signature: Json = {"hash": ballot.signature_hash, "proof": ballot.signature.to_json()}
    return dump({**unsigned, "signature": signature})


def _unsigned(election_uuid: str, election_hash: str, credential: str, answers: Sequence[Answer]) -> Mapping[str, Json]:
    return {
        "election_uuid": election_uuid,
        "election_hash": election_hash,
        "credential": credential,
        "answers": [answer.to_json() for answer in answers],
    }


def _choices_text(choices: Sequence[Ciphertext]) -> str:
    return ",".join(choice.text for choice in choices)


def _json(proofs: Sequence[Proof]) -> Json:
    return [proof.to_json() for proof in proofs]


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")


def _impossible(detail: str) -> BallotError:
    return BallotError("ballot-choices", _ANSWERS, detail)
