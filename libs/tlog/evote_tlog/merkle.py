"""The Merkle tree of RFC 9162, section 2.1: hashes, and the tree head of a growing log."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from typing import Final

from .errors import TlogError

HASH_BYTES: Final = 32
EMPTY_ROOT: Final = hashlib.sha256(b"").digest()
"""The head of the empty tree."""


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 ‖ entry)."""
    return hashlib.sha256(b"\x00" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 ‖ left ‖ right)."""
    return hashlib.sha256(b"\x01" + left + right).digest()


def split_point(size: int) -> int:
    """The largest power of two smaller than ``size`` (at least 2): where RFC 9162 splits a tree."""
    return 1 << ((size - 1).bit_length() - 1)


def complete_subtrees(size: int) -> list[tuple[int, int]]:
    """The perfect subtrees that make up a tree, from left to right, as (height, index at that height)."""
    subtrees = []
    start = 0
    for height in range(size.bit_length() - 1, -1, -1):
        if size >> height & 1:
            subtrees.append((height, start >> height))
            start += 1 << height
    return subtrees


def fold(hashes: Sequence[bytes]) -> bytes:
    """The root over the heads of a tree's complete subtrees, given from left to right."""
    if not hashes:
        return EMPTY_ROOT
    root = hashes[-1]
    for left in reversed(hashes[:-1]):
        root = node_hash(left, root)
    return root


class Frontier:
    """The complete subtrees of a tree: all that appending and the root need, 64 hashes at the most."""

    def __init__(self, size: int = 0, hashes: Iterable[bytes] = ()) -> None:
        """``hashes`` are the heads of :func:`complete_subtrees` of ``size``, from left to right."""
        self._size = size
        self._hashes = list(hashes)
        if len(self._hashes) != size.bit_count():
            raise TlogError(f"a tree of {size} has {size.bit_count()} complete subtrees")

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return self._size

    @property
    def hashes(self) -> tuple[bytes, ...]:
        """The heads of the complete subtrees, from left to right."""
        return tuple(self._hashes)

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash at the right end."""
        merges = (self._size + 1 & -(self._size + 1)).bit_length() - 1  # trailing zeros of the new size
        for _ in range(merges):
            leaf = node_hash(self._hashes.pop(), leaf)
        self._hashes.append(leaf)
        self._size += 1

    def root(self) -> bytes:
        """The tree head."""
        return fold(self._hashes)

    def copy(self) -> Frontier:
        """One to try appends on."""
        return Frontier(self._size, self._hashes)
