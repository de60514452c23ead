"""Ballots: made on the voter's device, verified by everyone (specification, "Signatures", "Ballots")."""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from .answers import Answer, check_choices, make_answer, parse_answer, refused_answer, verify_answer
from .credentials import secret_exponent
from .election import Election
from .errors import BallotError
from .groups import DRAWN_BYTES, Element, Random
from .jsontext import Fields, Json, dump, load
from .proofs import Proof, knowledge_holds, parse_proof, prove_knowledge

_BALLOTS, _SIGNATURES = "Ballots", "Signatures"
_REFUSALS = {
    "ballot-election-uuid": (_BALLOTS, "the ballot is for another election"),
    "ballot-election-hash": (_BALLOTS, "the ballot is for another text of the election"),
    "ballot-hash": (_SIGNATURES, "signature.hash is not the hash of the ballot"),
    "ballot-signature": (_SIGNATURES, "the credential did not sign this ballot"),
}
_CLAIMS = re.compile(
    r'\{"election_uuid":"([1-9A-HJ-NP-Za-km-z]{14,64})","election_hash":"[A-Za-z0-9+/]{43}","credential":"([0-9a-f]{1,617})",',
    re.ASCII,
)


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
    """The hash that the ballot gives for what was signed."""
    signature: Proof
    content_hash: str
    """The hash of what is there to be signed: everything but the signature."""

    @cached_property
    def tracker(self) -> str:
        """The smart ballot tracker."""
        return tracker_of(self.text)

    @cached_property
    def ciphertext_digests(self) -> tuple[str, ...]:
        """SHA-256 (hex) of each ``alpha,beta``: equal digests in two ballots mean a copied ciphertext."""
        return tuple(digest for answer in self.answers for digest in answer.ciphertext_digests)


def digest_of(tracker: str) -> bytes:
    """The SHA-256 that a smart ballot tracker is made of: the ballot's; raises ``ValueError`` for what is none."""
    return base64.b64decode(f"{tracker}=", validate=True)


def tracker_of(text: str) -> str:
    """The smart ballot tracker: unpadded base64 of SHA-256 of the ballot's exact text."""
    return _digest(text)


def claims_of(text: str) -> tuple[str, str]:
    """The election's uuid and the credential that a ballot names; nothing else is read, and nothing verified.

    A ballot has one text, which begins with them and has no other characters than JSON's and those of numbers and
    names. Raises ``BallotError`` (``ballot-canonical``) otherwise.
    """
    claims = _CLAIMS.match(text)
    # Other characters, a NUL above all, could not be stored everywhere: one reader would have the ballot, another not.
    if claims is None or not (text.isascii() and text.isprintable()):
        raise BallotError("ballot-canonical", _BALLOTS, "not a ballot: it doesn't begin as one")
    return claims[1], claims[2]


def generate_ballot(election: Election, credential: str, choices: Sequence[Sequence[int]], random: Random) -> str:
    """Encrypt, prove and sign a vote; returns the ballot's text.

    ``choices`` has one list of 0 and 1 for each question, as long as the question's ciphertexts: the blank vote
    first where it is allowed. Raises ``BallotError`` (rule ``ballot-choices``) when no valid ballot says that, and
    ``CredentialError`` for a malformed credential.
    """
    if len(choices) != len(election.questions):
        raise BallotError("ballot-choices", _BALLOTS, "one list of choices for each question is needed")
    group = election.group
    secret = secret_exponent(credential, election.uuid, group)
    if (compiled := election.compiled) is not None:
        for question, chosen in zip(election.questions, choices, strict=True):
            check_choices(question, chosen)
        drawn = [random(DRAWN_BYTES) for _ in range(compiled.draws)]
        return compiled.make_ballot(secret.to_bytes(32, "little"), choices, drawn)
    credential_text = group.encode(group.secret_power_generator(secret))
    prefix = f"{election.fingerprint}|{credential_text}"
    answers = [
        make_answer(election, question, chosen, prefix, random)
        for question, chosen in zip(election.questions, choices, strict=True)
    ]
    unsigned = _unsigned_text(election.uuid, election.fingerprint, credential_text, answers)
    content_hash = _digest(unsigned)
    signature = prove_knowledge(group, secret, f"sig|{content_hash}|", random)
    return _signed_text(unsigned, content_hash, signature)


def parse_ballot(election: Election, text: str) -> Ballot:
    """Read a ballot strictly, without checking any proof.

    Raises ``EncodingError`` for malformed JSON, unknown or missing fields and elements or numbers that are not
    canonical; ``BallotError`` for the wrong number of answers or proofs (``ballot-schema``) and for a text that is
    not the one compact text of its content (``ballot-canonical``).
    """
    group = election.group
    fields = Fields(load(text), "ballot")
    election_uuid, election_hash = fields.text("election_uuid"), fields.text("election_hash")
    credential, values = fields.text("credential"), fields.array("answers")
    signature_fields = Fields(fields.value("signature"), "signature")
    fields.end()
    signature_hash = signature_fields.text("hash")
    signature = parse_proof(signature_fields.value("proof"), group.order, "signature.proof")
    signature_fields.end()
    credential_element = group.decode(credential)
    if len(values) != len(election.questions):
        raise BallotError("ballot-schema", _BALLOTS, f"there are {len(values)} answers")
    answers = tuple(
        parse_answer(group, question, value) for question, value in zip(election.questions, values, strict=True)
    )
    unsigned = _unsigned_text(election_uuid, election_hash, credential, answers)
    if _signed_text(unsigned, signature_hash, signature) != text:
        # Otherwise one vote would have many texts, hence many trackers.
        raise BallotError("ballot-canonical", _BALLOTS, "not the compact text of its own content")
    return Ballot(
        text=text,
        election_uuid=election_uuid,
        election_hash=election_hash,
        credential=credential,
        credential_element=credential_element,
        answers=answers,
        signature_hash=signature_hash,
        signature=signature,
        content_hash=_digest(unsigned),
    )


def verify_ballot(election: Election, ballot: Ballot) -> None:
    """Check everything that a ballot says by itself; raises ``BallotError``.

    Whether its credential is on the election's list, and whether its ciphertexts were seen before, only the keeper
    of the ballots can tell.
    """
    verify_election_binding(election, ballot)
    verify_signature(election, ballot)
    verify_proofs(election, ballot)


def refused(election: Election, rule: str, number: int) -> BallotError:
    """What is said of a ballot that breaks a rule of :func:`verify_ballot`; ``number`` is its question's, from 1."""
    if rule not in _REFUSALS:
        return refused_answer(election.questions[number - 1], rule, number)
    return BallotError(rule, *_REFUSALS[rule])


def verify_election_binding(election: Election, ballot: Ballot) -> None:
    """The ballot is for this election (rules ``ballot-election-uuid``, ``ballot-election-hash``)."""
    if ballot.election_uuid != election.uuid:
        raise refused(election, "ballot-election-uuid", 0)
    if ballot.election_hash != election.fingerprint:
        raise refused(election, "ballot-election-hash", 0)


def verify_signature(election: Election, ballot: Ballot) -> None:
    """The credential signed this content (rules ``ballot-hash``, ``ballot-signature``)."""
    if ballot.signature_hash != ballot.content_hash:
        raise refused(election, "ballot-hash", 0)
    prefix = f"sig|{ballot.signature_hash}|"
    if not knowledge_holds(election.group, ballot.credential_element, prefix, ballot.signature):
        raise refused(election, "ballot-signature", 0)


def verify_proofs(election: Election, ballot: Ballot) -> None:
    """Every answer encrypts an allowed choice.

    Rules ``ballot-individual-proof``, ``ballot-overall-proof`` and ``ballot-blank-proof``.
    """
    # The proofs' context is this election's, whatever the ballot claims.
    prefix = f"{election.fingerprint}|{ballot.credential}"
    for number, (question, answer) in enumerate(zip(election.questions, ballot.answers, strict=True), 1):
        verify_answer(election, question, answer, prefix, number)


def _unsigned_text(election_uuid: str, election_hash: str, credential: str, answers: Sequence[Answer]) -> str:
    return dump(
        {
            "election_uuid": election_uuid,
            "election_hash": election_hash,
            "credential": credential,
            "answers": [answer.to_json() for answer in answers],
        }
    )


def _signed_text(unsigned: str, content_hash: str, proof: Proof) -> str:
    signature: Json = {"hash": content_hash, "proof": proof.to_json()}
    return f'{unsigned[:-1]},"signature":{dump(signature)}}}'


def _digest(text: str) -> str:
    return base64.b64encode(hashlib.sha256(text.encode()).digest()).decode().rstrip("=")
