"""What a reader remembers of every ballot, packed: as objects of Python it would take three times the memory.

Millions of digests are held while an election goes on. They stand one behind the other, as they came; an index finds
them by their hash, as that of Python's own dict does.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Iterable, Iterator
from typing import Final

DIGEST_BYTES: Final = 32
_FEWEST_SLOTS: Final = 8


class Digests:
    """A set of SHA-256 digests, none of which is ever taken out: 40 to 52 bytes each."""

    def __init__(self, digests: Iterable[bytes] = ()) -> None:
        self._packed = bytearray()
        self._index = array("I", bytes(4 * _FEWEST_SLOTS))
        """By a digest's hash, or behind that where the place was taken: its number, from 1. 0: nothing. It is never
        more than half full, and so a look ends soon."""
        self.update(digests)

    def add(self, digest: bytes) -> int:
        """Put it in, unless it is there; how many came before it.

        Raises ``ValueError`` for what is no digest.
        """
        if len(digest) != DIGEST_BYTES:
            raise ValueError(f"a SHA-256 digest is {DIGEST_BYTES} bytes")
        slot = self._slot_of(digest)
        if number := self._index[slot]:
            return number - 1
        self._packed += digest
        self._index[slot] = len(self)
        if 2 * len(self) > len(self._index):
            self._widen()
        return len(self) - 1

    def update(self, digests: Iterable[bytes]) -> None:
        """:meth:`add` each."""
        for digest in digests:
            self.add(digest)

    def find(self, digest: bytes) -> int | None:
        """How many came before it; None: it is not there."""
        number = self._index[self._slot_of(digest)]
        return number - 1 if number else None

    def isdisjoint(self, digests: Iterable[bytes]) -> bool:
        """Whether none of them is there."""
        return not any(digest in self for digest in digests)

    def __contains__(self, digest: bytes) -> bool:
        return self._index[self._slot_of(digest)] != 0

    def __iter__(self) -> Iterator[bytes]:
        """As they came."""
        for end in range(DIGEST_BYTES, len(self._packed) + 1, DIGEST_BYTES):
            yield bytes(self._packed[end - DIGEST_BYTES : end])

    def __len__(self) -> int:
        return len(self._packed) // DIGEST_BYTES

    def _slot_of(self, digest: bytes) -> int:
        """Where its number stands, or would."""
        index, packed, mask = self._index, self._packed, len(self._index) - 1
        # Python's hash has a secret of this process: nobody can look for digests that meet in one place.
        slot = hash(digest) & mask
        while (number := index[slot]) and packed[(number - 1) * DIGEST_BYTES : number * DIGEST_BYTES] != digest:
            slot = (slot + 1) & mask
        return slot

    def _widen(self) -> None:
        """An index of twice as many places."""
        index = array("I", bytes(4 * 2 * len(self._index)))
        mask = len(index) - 1
        for number, digest in enumerate(self, 1):
            slot = hash(digest) & mask
            while index[slot]:  # no two are the same, so a free one is all that is looked for
                slot = (slot + 1) & mask
            index[slot] = number
        self._index = index


class LastNumbers:
    """By credential, the number of its last ballot: 50 to 60 bytes for each credential, of any group."""

    def __init__(self) -> None:
        self._credentials = Digests()
        self._numbers = array("q")

    def get(self, credential: str) -> int | None:
        """None: it has no ballot."""
        place = self._credentials.find(_digest_of(credential))
        return None if place is None else self._numbers[place]

    def put(self, credential: str, number: int) -> None:
        """Set it; a number is at most :data:`~evote_belenios.order.LARGEST_NUMBER`."""
        place = self._credentials.add(_digest_of(credential))
        if place == len(self._numbers):
            self._numbers.append(number)
        else:
            self._numbers[place] = number

    def __len__(self) -> int:
        return len(self._numbers)


def _digest_of(credential: str) -> bytes:
    return hashlib.sha256(credential.encode()).digest()
