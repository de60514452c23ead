"""The election's result: the trustees' factors combined, and the small logarithms that remain.

Source: specification, "Election result".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import isqrt

from .decryption import Factors, checked_factors
from .election import Election
from .errors import BeleniosError, TallyError
from .groups import Element, Group
from .jsontext import Fields, Json, dump, load
from .tally import EncryptedTally, parse_encrypted_tally, parse_weight, weight_json
from .trustees import SingleTrustee, ThresholdTrustees, Trustees

_SECTION = "Election result"
LARGEST_TOTAL_WEIGHT = 10**11
"""What Belenios allows; finding a logarithm that large takes a table of 316,228 elements."""


@dataclass(frozen=True)
class SortedDecryptions:
    """Partial decryptions by trustee: the factors of those that hold, and why the others don't."""

    valid: Mapping[int, Factors]
    refused: Mapping[int, BeleniosError]


def sort_partial_decryptions(
    election: Election, trustees: Trustees, encrypted_tally_text: str, partial_decryptions: Mapping[int, str]
) -> SortedDecryptions:
    """Check each trustee's partial decryption; a bad one is reported, not raised."""
    return _sort(election, trustees, parse_encrypted_tally(election, encrypted_tally_text), partial_decryptions)


def compute_result(
    election: Election,
    trustees: Trustees,
    encrypted_tally_text: str,
    total_weight: int,
    partial_decryptions: Mapping[int, str],
) -> str:
    """The ``result`` structure: how often each choice was made.

    Of threshold trustees the first ones with a valid partial decryption are used. Raises ``TallyError``:
    ``decryption-missing`` when too few are valid; ``result-logarithm`` when a count would exceed ``total_weight``
    (the weight is another tally's, or a trustee lied in the one way that version 1 can't see); ``tally-weight`` when
    the weight is beyond :data:`LARGEST_TOTAL_WEIGHT`. A mandatory trustee's refused decryption is raised as it is.
    """
    logarithms = _SmallLogarithms(election.group, total_weight)
    plaintexts = _plaintexts(election, trustees, encrypted_tally_text, partial_decryptions)
    counts: list[Json] = [[weight_json(logarithms.find(element)) for element in row] for row in plaintexts]
    return dump({"result": counts})


def parse_result(election: Election, text: str) -> tuple[tuple[int, ...], ...]:
    """The counts by question and choice, the blank vote first where it is allowed.

    Raises ``EncodingError``, and ``TallyError`` (``result-schema``) unless there is one count for each choice.
    """
    fields = Fields(load(text), "result")
    rows = fields.array("result")
    fields.end()
    counts = []
    for row in rows:
        if not isinstance(row, list):
            raise _misshapen()
        counts.append(tuple(parse_weight(value, "a count") for value in row))
    if [len(row) for row in counts] != [question.choices for question in election.questions]:
        raise _misshapen()
    return tuple(counts)


def verify_result(
    election: Election,
    trustees: Trustees,
    encrypted_tally_text: str,
    total_weight: int,
    partial_decryptions: Mapping[int, str],
    result_text: str,
) -> None:
    """The counts are what the partial decryptions lead to.

    Raises what :func:`compute_result` raises about the partial decryptions, and ``TallyError``: ``result-count``,
    ``result-schema``.
    """
    group = election.group
    counts = parse_result(election, result_text)
    plaintexts = _plaintexts(election, trustees, encrypted_tally_text, partial_decryptions)
    for number, (row, elements) in enumerate(zip(counts, plaintexts, strict=True), 1):
        for position, (count, element) in enumerate(zip(row, elements, strict=True), 1):
            if count > total_weight or group.power_generator(count) != element:
                raise TallyError("result-count", _SECTION, f"question {number}, choice {position}: not {count}")


def _plaintexts(
    election: Election, trustees: Trustees, encrypted_tally_text: str, partial_decryptions: Mapping[int, str]
) -> list[list[Element]]:
    """g^count for each choice."""
    group = election.group
    tally = parse_encrypted_tally(election, encrypted_tally_text)
    decryptions = _sort(election, trustees, tally, partial_decryptions)
    combined = [[ciphertext.beta for ciphertext in row] for row in tally]
    for item in trustees.items:
        for index, coefficient in _participants(group, item, decryptions).items():
            for row, factors in zip(combined, decryptions.valid[index], strict=True):
                for position, factor in enumerate(factors):
                    power = factor if coefficient == 1 else group.power(factor, coefficient)
                    row[position] = group.divide(row[position], power)
    return combined


def _sort(
    election: Election, trustees: Trustees, tally: EncryptedTally, partial_decryptions: Mapping[int, str]
) -> SortedDecryptions:
    valid: dict[int, Factors] = {}
    refused: dict[int, BeleniosError] = {}
    for index, text in sorted(partial_decryptions.items()):
        try:
            valid[index] = checked_factors(election, trustees.verification_key(index), tally, text)
        except BeleniosError as error:
            refused[index] = error
    return SortedDecryptions(valid, refused)


def _participants(
    group: Group, item: SingleTrustee | ThresholdTrustees, decryptions: SortedDecryptions
) -> dict[int, int]:
    """Whose factors to use for an item, each with its exponent (Lagrange's coefficient at 0)."""
    if isinstance(item, SingleTrustee):
        if item.first_index in decryptions.refused:
            raise decryptions.refused[item.first_index]
        if item.first_index not in decryptions.valid:
            raise TallyError("decryption-missing", _SECTION, f"mandatory trustee {item.first_index} did not decrypt")
        return {item.first_index: 1}
    present = [place for place in range(1, item.size + 1) if item.first_index + place - 1 in decryptions.valid]
    if len(present) < item.threshold:
        raise TallyError(
            "decryption-missing", _SECTION, f"{len(present)} valid partial decryptions, {item.threshold} are needed"
        )
    # An invalid one is left out and the next trustee's used: one trustee of many can't stop a count.
    places = present[: item.threshold]
    return {item.first_index + place - 1: _lagrange(places, place, group.order) for place in places}


def _lagrange(places: list[int], place: int, order: int) -> int:
    numerator = denominator = 1
    for other in places:
        if other != place:
            numerator = numerator * other % order
            denominator = denominator * (other - place) % order
    return numerator * pow(denominator, -1, order) % order


class _SmallLogarithms:
    """Finds the logarithm of g^n for 0 ≤ n ≤ bound by baby steps and giant steps."""

    def __init__(self, group: Group, bound: int) -> None:
        if not 0 <= bound <= LARGEST_TOTAL_WEIGHT:
            raise TallyError("tally-weight", _SECTION, f"a total weight of {bound} can't be decrypted")
        self._group, self._bound = group, bound
        self._steps = isqrt(bound) + 1
        element = group.identity
        self._baby: dict[Element, int] = {}
        for exponent in range(self._steps):
            self._baby[element] = exponent
            element = group.multiply(element, group.generator)
        self._giant = element

    def find(self, element: Element) -> int:
        for giant in range(self._steps + 1):
            exponent = self._baby.get(element)
            if exponent is not None and giant * self._steps + exponent <= self._bound:
                return giant * self._steps + exponent
            element = self._group.divide(element, self._giant)
        raise TallyError("result-logarithm", _SECTION, f"a count is not between 0 and {self._bound}")


def _misshapen() -> TallyError:
    return TallyError("result-schema", _SECTION, "not one count for each choice of each question")
