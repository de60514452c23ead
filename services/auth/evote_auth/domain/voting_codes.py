"""Voting codes: the second factor beside a face, made to be read on paper and aloud.

Fifteen random characters and one that checks them, in Crockford's alphabet (Base 32 without I, L, O and U), in four
groups: ``7K3M-Q0ZT-…``. 75 random bits: in a city of 200,000 voters, somebody who tries a million codes a second needs
thousands of years for one. What is slowed down is therefore the load, not the guessing.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from .refusals import VotingCodeMistyped

LONGEST_TYPED = 64
"""In characters, with whatever stands between the groups."""
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_RANDOM_CHARACTERS = 15
_GROUP = 4
_READ_AS = str.maketrans("OIL", "011")
_FREE_WRONG_CODES = 30
_DELAY_A_WRONG_CODE = timedelta(milliseconds=20)
_LONGEST_DELAY = timedelta(seconds=2)


class CodeOrigin(StrEnum):
    """How a code came to its voter."""

    LETTER = "letter"
    """Printed for all voters, sent by post."""
    OFFICER = "officer"
    """Made anew for one voter by an officer."""
    CARD = "card"
    """Shown once to the voter, who had just authenticated by card."""


@dataclass(frozen=True)
class VotingCode:
    """A whole code without its hyphens; it doesn't print."""

    characters: str = field(repr=False)

    @property
    def shown(self) -> str:
        """In groups, for the voter's eyes."""
        groups = [self.characters[start : start + _GROUP] for start in range(0, len(self.characters), _GROUP)]
        return "-".join(groups)


@dataclass(frozen=True)
class KeptCode:
    """What is kept of a voter's code, beside its keyed hash."""

    voter_ref: str
    origin: CodeOrigin
    issued_at: datetime
    officer: str | None = field(default=None, repr=False)
    reason: str | None = field(default=None, repr=False)


def new_voting_code(random: Callable[[int], bytes]) -> VotingCode:
    """A code of 75 random bits; ``random`` gives that many bytes."""
    number = int.from_bytes(random(10))
    digits = [number >> 5 * place & 31 for place in range(_RANDOM_CHARACTERS)]
    return VotingCode("".join(_ALPHABET[digit] for digit in [*digits, _double(_remainder(digits))]))


def parse_voting_code(typed: str) -> VotingCode:
    """The code that somebody typed, whatever its case, width, hyphens and spaces; O is read as 0, I and L as 1.

    Raises ``VotingCodeMistyped``: any single wrong character and any two that changed places are found here.
    """
    if len(typed) > LONGEST_TYPED:
        raise VotingCodeMistyped
    plain = unicodedata.normalize("NFKC", typed).upper().translate(_READ_AS)
    characters = "".join(sign for sign in plain if not _stands_between(sign))
    digits = [_ALPHABET.find(sign) for sign in characters]
    if len(digits) != _RANDOM_CHARACTERS + 1 or min(digits) < 0 or _remainder(digits):
        raise VotingCodeMistyped
    return VotingCode(characters)


def delay_after(wrong_codes: int) -> timedelta:
    """How long everybody's code in an election is held up, right or wrong, after so many wrong ones.

    Bounded, so that nobody can keep voters out; the same for right and wrong, so that it tells nothing.

    Args:
        wrong_codes: in the election, within the last minute or two.
    """
    return min(_LONGEST_DELAY, _DELAY_A_WRONG_CODE * max(0, wrong_codes - _FREE_WRONG_CODES))


def _remainder(digits: Sequence[int]) -> int:
    """The digits as a polynomial over GF(32) at a generator; 0 for a code with its check character.

    Each place has another weight (the generator's powers differ up to the 31st), so a change of one digit changes the
    sum, and so does an exchange of two that differ.
    """
    sum_ = 0
    for digit in digits:
        sum_ = _double(sum_) ^ digit
    return sum_


def _double(element: int) -> int:
    """Times the generator, modulo x⁵ + x² + 1."""
    doubled = element << 1
    return doubled ^ 0b100101 if doubled > 31 else doubled


def _stands_between(sign: str) -> bool:
    # Japanese keyboards write a long-vowel mark where a hyphen is meant, or the mathematical minus.
    return sign.isspace() or unicodedata.category(sign) == "Pd" or sign in "ー−_."
