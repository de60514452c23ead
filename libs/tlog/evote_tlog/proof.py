"""Inclusion and consistency proofs, RFC 9162 sections 2.1.3 and 2.1.4: making and verifying them.

Proofs are made from the heads of perfect subtrees, which any tile source can give
(:class:`evote_tlog.tiles.TileTree`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from .errors import ProofError
from .merkle import EMPTY_ROOT, HASH_BYTES, complete_subtrees, fold, node_hash, split_point

Range = tuple[int, int]
"""Leaves from the first (inclusive) to the second (exclusive)."""


class SubtreeHashes(Protocol):
    """Where the heads of perfect subtrees come from."""

    def subtree(self, height: int, index: int) -> bytes:
        """The head over the leaves ``index * 2**height`` to ``(index + 1) * 2**height``."""


def inclusion_ranges(index: int, size: int) -> list[Range]:
    """The leaves under each hash of the proof of leaf ``index`` in a tree of ``size``, in proof order.

    Raises:
        ProofError: the tree has no such leaf.
    """
    if not 0 <= index < size:
        raise ProofError(f"a tree of {size} has no leaf {index}")
    start, end = 0, size
    path: list[Range] = []
    while end - start > 1:
        middle = start + split_point(end - start)
        if index < middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    return path[::-1]


def consistency_ranges(first: int, second: int) -> list[Range]:
    """The leaves under each hash of the proof from a tree of ``first`` to one of ``second``, in proof order.

    Raises:
        ProofError: there is no such proof: it needs 0 < ``first`` ≤ ``second``.
    """
    if not 0 < first <= second:
        raise ProofError(f"no proof leads from size {first} to size {second}")
    start, end = 0, second
    path: list[Range] = []
    while end != first:
        middle = start + split_point(end - start)
        if first <= middle:
            path.append((middle, end))
            end = middle
        else:
            path.append((start, middle))
            start = middle
    if start > 0:  # otherwise the head of the first tree, which the verifier has
        path.append((start, end))
    return path[::-1]


def range_hash(tree: SubtreeHashes, leaves: Range) -> bytes:
    """The Merkle tree hash over a range that RFC 9162's splitting yields."""
    start, end = leaves
    return fold([tree.subtree(height, (start >> height) + index) for height, index in complete_subtrees(end - start)])


def tree_head(tree: SubtreeHashes, size: int) -> bytes:
    """The head of the tree of the first ``size`` leaves."""
    return range_hash(tree, (0, size))


def make_inclusion_proof(tree: SubtreeHashes, index: int, size: int) -> list[bytes]:
    """The hashes that lead from leaf ``index`` to the head of the tree of ``size``; raises ``ProofError``."""
    return [range_hash(tree, leaves) for leaves in inclusion_ranges(index, size)]


def make_consistency_proof(tree: SubtreeHashes, first: int, second: int) -> list[bytes]:
    """The hashes that show the tree of ``second`` to begin with that of ``first``; raises ``ProofError``."""
    return [range_hash(tree, leaves) for leaves in consistency_ranges(first, second)]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162, section 2.1.3.2.

    Args:
        leaf: the leaf hash.
        root: the tree head of ``size``, from a checkpoint that is trusted.

    Raises:
        ProofError: the leaf is not shown to be at ``index`` of that tree.
    """
    if not 0 <= index < size:  # step 1
        raise ProofError(f"a tree of {size} has no leaf {index}")
    _check_hashes([leaf, *proof, root])
    fn, sn, r = index, size - 1, leaf  # steps 2 and 3
    for p in proof:  # step 4
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            r = node_hash(p, r)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            r = node_hash(r, p)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:  # step 5
        raise ProofError("the proof is too short")
    if r != root:
        raise ProofError("the proof leads to another root")


def verify_consistency(first: int, second: int, proof: Sequence[bytes], first_root: bytes, second_root: bytes) -> None:
    """RFC 9162, section 2.1.4.2, and its two trivial cases: equal sizes, and an empty first tree.

    Raises:
        ProofError: the second tree is not shown to begin with the first.
    """
    if not 0 <= first <= second:
        raise ProofError(f"no proof leads from size {first} to size {second}")
    _check_hashes([*proof, first_root, second_root])
    if first in (0, second):
        if proof:
            raise ProofError("the proof is too long")
        if first_root != (EMPTY_ROOT if first == 0 else second_root):
            raise ProofError("two roots for one size")
        return
    if not proof:  # step 1
        raise ProofError("the proof is too short")
    path = [first_root, *proof] if first & (first - 1) == 0 else list(proof)  # step 2
    fn, sn = first - 1, second - 1  # step 3
    while fn & 1:  # step 4
        fn, sn = fn >> 1, sn >> 1
    fr = sr = path[0]  # step 5
    for c in path[1:]:  # step 6
        if sn == 0:
            raise ProofError("the proof is too long")
        if fn & 1 or fn == sn:
            fr, sr = node_hash(c, fr), node_hash(c, sr)
            while not fn & 1 and fn != 0:
                fn, sn = fn >> 1, sn >> 1
        else:
            sr = node_hash(sr, c)
        fn, sn = fn >> 1, sn >> 1
    if sn != 0:  # step 7
        raise ProofError("the proof is too short")
    if fr != first_root:
        raise ProofError("the proof leads to another root of the first tree")
    if sr != second_root:
        raise ProofError("the proof leads to another root of the second tree")


def _check_hashes(hashes: Sequence[bytes]) -> None:
    if any(len(given) != HASH_BYTES for given in hashes):
        raise ProofError("a hash that is not 32 bytes long")
