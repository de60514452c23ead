"""The encrypted tally: the product of all ballots' ciphertexts, each as often as its voter's weight.

Source: specification, "Encrypted tally".
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass

from .ballots import Ballot
from .election import Election
from .errors import EncodingError, TallyError
from .groups import Element
from .jsontext import Fields, Json, dump, load, parse_natural

_SECTION = "Encrypted tally"
_HASH = re.compile(r"[0-9a-f]{64}", re.ASCII)
# belenios-tool writes weights as JSON integers only as far as those of a 32-bit OCaml go.
_LARGEST_INTEGER = 2**30 - 1


@dataclass(frozen=True)
class TallyCiphertext:
    """An ElGamal ciphertext of the tally; unlike a ballot's it may be made of the identity, when nobody voted."""

    alpha: Element
    beta: Element


EncryptedTally = tuple[tuple[TallyCiphertext, ...], ...]
"""For each question, a ciphertext for each choice."""


BallotCiphertexts = tuple[tuple[tuple[Element, Element], ...], ...]
"""For each question, alpha and beta of each choice: all that the tally needs of a ballot."""


@dataclass(frozen=True)
class SizedEncryptedTally:
    """The ``sized_encrypted_tally`` structure; ``encrypted_tally`` is the SHA-256 (hex) of the tally's text."""

    num_tallied: int
    total_weight: int
    encrypted_tally: str


class EncryptedTallyAccumulator:
    """Adds up ballots one by one. Which ballots count is the caller's rule: the last of each credential."""

    def __init__(self, election: Election) -> None:
        group = election.group
        self._group = group
        self._sums = [[(group.sum(), group.sum()) for _ in range(question.choices)] for question in election.questions]
        self.num_tallied = 0
        self.total_weight = 0

    def add(self, ballot: Ballot, weight: int = 1) -> None:
        """Count a ballot of this election ``weight`` times; ``ValueError`` when the weight is negative."""
        self.add_ciphertexts(ciphertexts_of(ballot), weight)

    def add_ciphertexts(self, ciphertexts: BallotCiphertexts, weight: int) -> None:
        """:meth:`add` for what :func:`ciphertexts_of` gave, maybe in another process."""
        if weight < 0:
            raise ValueError("a weight is not negative")
        group = self._group
        for sums, answer in zip(self._sums, ciphertexts, strict=True):
            for (sum_alpha, sum_beta), (alpha, beta) in zip(sums, answer, strict=True):
                if weight != 1:
                    alpha, beta = group.power(alpha, weight), group.power(beta, weight)
                sum_alpha.add(alpha)
                sum_beta.add(beta)
        self.num_tallied += 1
        self.total_weight += weight

    def encrypted_tally_json(self) -> str:
        """The ``encrypted_tally`` so far."""
        encode = self._group.encode
        return dump(
            [
                [{"alpha": encode(alpha.element()), "beta": encode(beta.element())} for alpha, beta in sums]
                for sums in self._sums
            ]
        )

    def sized_json(self) -> str:
        """The ``sized_encrypted_tally`` so far."""
        return sized_encrypted_tally_json(self.encrypted_tally_json(), self.num_tallied, self.total_weight)


def ciphertexts_of(ballot: Ballot) -> BallotCiphertexts:
    """What a ballot adds to the tally."""
    return tuple(tuple((choice.alpha, choice.beta) for choice in answer.choices) for answer in ballot.answers)


def encrypted_tally(election: Election, ballots: Iterable[tuple[Ballot, int]]) -> str:
    """The ``encrypted_tally`` of ballots with their weights."""
    accumulator = EncryptedTallyAccumulator(election)
    for ballot, weight in ballots:
        accumulator.add(ballot, weight)
    return accumulator.encrypted_tally_json()


def sized_encrypted_tally_json(encrypted_tally_text: str, num_tallied: int, total_weight: int) -> str:
    """The payload of an archive's ``EncryptedTally`` event."""
    return dump(
        {
            "num_tallied": num_tallied,
            "total_weight": weight_json(total_weight),
            "encrypted_tally": hashlib.sha256(encrypted_tally_text.encode()).hexdigest(),
        }
    )


def parse_sized_encrypted_tally(text: str) -> SizedEncryptedTally:
    """Read a ``sized_encrypted_tally``; raises ``EncodingError``, and ``TallyError`` (``tally-size``)."""
    fields = Fields(load(text), "sized_encrypted_tally")
    num_tallied = fields.integer("num_tallied")
    total_weight = parse_weight(fields.value("total_weight"), "total_weight")
    digest = fields.text("encrypted_tally")
    fields.end()
    if not _HASH.fullmatch(digest):
        raise EncodingError("schema", _SECTION, "encrypted_tally is not a SHA-256 in hexadecimal")
    if num_tallied < 0:
        raise TallyError("tally-size", _SECTION, f"{num_tallied} ballots can't be tallied")
    return SizedEncryptedTally(num_tallied, total_weight, digest)


def parse_encrypted_tally(election: Election, text: str) -> EncryptedTally:
    """Read an ``encrypted_tally``.

    Raises ``EncodingError`` for elements outside the group, ``TallyError`` (``tally-schema``) unless it has a
    ciphertext for each choice of each question.
    """
    group = election.group
    value = load(text)
    if not isinstance(value, list) or len(value) != len(election.questions):
        raise _misshapen()
    tally = []
    for question, ciphertexts in zip(election.questions, value, strict=True):
        if not isinstance(ciphertexts, list) or len(ciphertexts) != question.choices:
            raise _misshapen()
        row = []
        for ciphertext in ciphertexts:
            fields = Fields(ciphertext, "ciphertext")
            row.append(
                TallyCiphertext(
                    group.decode_or_identity(fields.text("alpha")), group.decode_or_identity(fields.text("beta"))
                )
            )
            fields.end()
        tally.append(tuple(row))
    return tuple(tally)


def verify_encrypted_tally(accumulator: EncryptedTallyAccumulator, encrypted_tally_text: str, sized_text: str) -> None:
    """The published tally is the one of the ballots that count; raises ``TallyError``.

    Rules: ``tally-ciphertexts``, ``tally-size`` (number of ballots and total weight), ``tally-hash`` (the structure
    refers to another text). Belenios checked none of it before 3.1: a tally nobody voted for could be decrypted.
    """
    sized = parse_sized_encrypted_tally(sized_text)
    if encrypted_tally_text != accumulator.encrypted_tally_json():
        raise TallyError("tally-ciphertexts", _SECTION, "not the product of the ballots that count")
    if (sized.num_tallied, sized.total_weight) != (accumulator.num_tallied, accumulator.total_weight):
        raise TallyError(
            "tally-size",
            _SECTION,
            f"{sized.num_tallied} ballots of weight {sized.total_weight} are said to count, "
            f"but {accumulator.num_tallied} of weight {accumulator.total_weight} do",
        )
    if sized.encrypted_tally != hashlib.sha256(encrypted_tally_text.encode()).hexdigest():
        raise TallyError("tally-hash", _SECTION, "the structure refers to another encrypted tally")


def weight_json(weight: int) -> Json:
    """A weight or a count, as belenios-tool writes it: large ones as strings."""
    return weight if weight <= _LARGEST_INTEGER else str(weight)


def parse_weight(value: Json, what: str) -> int:
    """A weight or a count in its one form; raises ``EncodingError``."""
    if isinstance(value, str):
        weight = parse_natural(value, what)
        if weight > _LARGEST_INTEGER:
            return weight
    elif isinstance(value, int) and not isinstance(value, bool) and 0 <= value <= _LARGEST_INTEGER:
        return value
    raise EncodingError("number", _SECTION, f"{what} is not a weight in its one form")


def _misshapen() -> TallyError:
    return TallyError("tally-schema", _SECTION, "not one ciphertext for each choice of each question")
