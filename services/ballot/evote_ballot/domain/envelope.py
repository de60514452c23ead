"""The first look at a ballot, before any cryptography: enough for the checks that cost a database row."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass

from evote_belenios.ballots import tracker_of

from .refusals import InvalidBallot, MalformedJson, WrongElection

_SECTION = "Ballots"
_MOST_CIPHERTEXTS = 10_000


@dataclass(frozen=True)
class BallotEnvelope:
    """What a ballot's JSON says about itself; nothing of it is verified."""

    text: str
    tracker: str
    credential: str
    ciphertext_digests: tuple[str, ...]


def open_envelope(body: bytes, election_uuid: str) -> BallotEnvelope:
    """Read the fields that cheap checks need.

    Raises ``MalformedJson``, ``InvalidBallot`` (rule ``ballot-schema``), or ``WrongElection`` when the ballot names
    another election than the one it was sent to.
    """
    try:
        text = body.decode()
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MalformedJson from None
    if not isinstance(value, dict) or not isinstance(value.get("credential"), str):
        raise _not_a_ballot("a ballot is an object with a credential")
    if "\0" in value["credential"] or not _encodes(value["credential"]):
        raise _not_a_ballot("the credential holds characters that no credential has")
    if value.get("election_uuid") != election_uuid:
        raise WrongElection
    return BallotEnvelope(text, tracker_of(text), value["credential"], ciphertext_digests(value))


def ciphertext_digests(ballot: object) -> tuple[str, ...]:
    """SHA-256 (hex) of each ``alpha,beta`` in a ballot's JSON value, as ``evote_belenios`` computes them.

    Raises ``InvalidBallot`` when the value has no ciphertexts in their place.
    """
    try:
        pairs = [
            (choice["alpha"], choice["beta"])
            for answer in ballot["answers"]  # type: ignore[index]
            for choice in answer["choices"]
        ]
        texts = [f"{alpha},{beta}".encode() for alpha, beta in pairs]
    except (KeyError, TypeError, ValueError):
        raise _not_a_ballot("answers are a list of objects with choices of alpha and beta") from None
    if not 0 < len(texts) <= _MOST_CIPHERTEXTS:
        raise _not_a_ballot("a ballot has at least one choice")
    return tuple(hashlib.sha256(text).hexdigest() for text in texts)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _not_a_ballot(detail: str) -> InvalidBallot:
    return InvalidBallot("ballot-schema", _SECTION, detail)
