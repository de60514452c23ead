"""The short code of a ceremony, which trustees read to each other over the telephone.

Eight groups of a word and two digits: 64 words times 100, to the eighth power, 101 bits. The group ``g`` (from 0) is
``(n // 6400**g) % 6400`` of the number ``n`` that scrypt makes of the ceremony's digest; its word is that over 100.

A server that shows two trustees two ceremonies, each with keys of its own, may try many of either until two codes
agree: about 2**50 tries of each. Each try costs scrypt's 32 MiB and a tenth of a second.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from dataclasses import dataclass

from .words import WORDS, index_of, latin

GROUPS = 8
_NUMBERS = 100
_GROUP = re.compile(r"([^\d]+)(\d{2})")
_SEPARATORS = re.compile(r"[\s,、，・.。()（）\-]+")
_SALT = b"tsukuba-evote ceremony code v1"
_SCRYPT = {"n": 1 << 15, "r": 8, "p": 1, "maxmem": 1 << 26, "dklen": 32}


class CodeMistyped(ValueError):
    """Not groups of a word of the list and two digits. Field: ``text``, what can't be read."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


@dataclass(frozen=True)
class CodeGroup:
    """One group: the index of a word, and a number of two digits."""

    word: int
    number: int

    @property
    def text(self) -> str:
        """As it is written: ``さくら 07``."""
        return f"{WORDS[self.word]} {self.number:02d}"

    @property
    def spelled(self) -> str:
        """With the word in Latin letters beside it: ``さくら (sakura) 07``."""
        return f"{WORDS[self.word]} ({latin(WORDS[self.word])}) {self.number:02d}"


@dataclass(frozen=True)
class CeremonyCode:
    """The whole code."""

    groups: tuple[CodeGroup, ...]

    @property
    def text(self) -> str:
        """As it is written, groups between commas."""
        return ", ".join(group.text for group in self.groups)


def code_of(ceremony_sha256: str) -> CeremonyCode:
    """The code of a ceremony's digest; takes a tenth of a second, on purpose."""
    made = hashlib.scrypt(bytes.fromhex(ceremony_sha256), salt=_SALT, **_SCRYPT)
    number = int.from_bytes(made, "big")
    groups = []
    for _ in range(GROUPS):
        number, group = divmod(number, len(WORDS) * _NUMBERS)
        groups.append(CodeGroup(*divmod(group, _NUMBERS)))
    return CeremonyCode(tuple(groups))


def parse_groups(text: str) -> tuple[CodeGroup, ...]:
    """The groups in what somebody typed, words in kana or Latin letters; raises :class:`CodeMistyped`."""
    plain = _SEPARATORS.sub("", unicodedata.normalize("NFKC", text))
    groups, at = [], 0
    while at < len(plain):
        match = _GROUP.match(plain, at)
        word = None if match is None else index_of(match[1])
        if match is None or word is None:
            raise CodeMistyped(plain[at : at + 20])
        groups.append(CodeGroup(word, int(match[2])))
        at = match.end()
    return tuple(groups)


def read_aloud_by(trustee: int, trustees: int) -> tuple[int, ...]:
    """Which groups (from 0) a trustee reads to the others: in turn, so that everybody's screen is compared."""
    return tuple(group for group in range(GROUPS) if group % trustees == trustee - 1)
