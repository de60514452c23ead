"""The definitions of RFC 9162, section 2.1, written down recursively, are the oracle here."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path

import pytest
from evote_tlog.errors import ProofError, TlogError
from evote_tlog.merkle import EMPTY_ROOT, Frontier, leaf_hash, node_hash
from evote_tlog.proof import (
    make_consistency_proof,
    make_inclusion_proof,
    tree_head,
    verify_consistency,
    verify_inclusion,
)
from hypothesis import given
from hypothesis import strategies as st

VECTORS = json.loads(Path(__file__).with_name("rfc6962_vectors.json").read_text())
LARGEST = 300


@cache
def leaf(index: int) -> bytes:
    return hashlib.sha256(b"\x00" + index.to_bytes(4, "big")).digest()


@cache
def mth(start: int, end: int) -> bytes:
    """MTH(D[start:end])."""
    if end == start:
        return hashlib.sha256(b"").digest()
    if end - start == 1:
        return leaf(start)
    k = largest_power_of_two_below(end - start)
    return hashlib.sha256(b"\x01" + mth(start, start + k) + mth(start + k, end)).digest()


def largest_power_of_two_below(n: int) -> int:
    k = 1
    while 2 * k < n:
        k *= 2
    return k


def path(m: int, start: int, end: int) -> list[bytes]:
    """PATH(m, D[start:end])."""
    n = end - start
    if n == 1:
        return []
    k = largest_power_of_two_below(n)
    if m < k:
        return [*path(m, start, start + k), mth(start + k, end)]
    return [*path(m - k, start + k, end), mth(start, start + k)]


def subproof(m: int, start: int, end: int, known: bool) -> list[bytes]:
    """SUBPROOF(m, D[start:end], b)."""
    n = end - start
    if m == n:
        return [] if known else [mth(start, end)]
    k = largest_power_of_two_below(n)
    if m <= k:
        return [*subproof(m, start, start + k, known), mth(start + k, end)]
    return [*subproof(m - k, start + k, end, False), mth(start, start + k)]


class Oracle:
    """Perfect subtrees of the endless log of ``leaf(0), leaf(1), …``."""

    def subtree(self, height: int, index: int) -> bytes:
        return mth(index << height, (index + 1) << height)


ORACLE = Oracle()


def test_every_tree_head_up_to_300_leaves_is_the_rfcs() -> None:
    frontier = Frontier()
    for size in range(LARGEST + 1):
        assert frontier.size == size
        assert frontier.root() == mth(0, size) == tree_head(ORACLE, size)
        assert Frontier(size, frontier.hashes).root() == frontier.root()
        frontier.append(leaf(size))


def test_every_inclusion_proof_up_to_300_leaves_is_the_rfcs_and_verifies() -> None:
    for size in range(1, LARGEST + 1):
        root = mth(0, size)
        for index in range(size):
            proof = make_inclusion_proof(ORACLE, index, size)
            assert proof == path(index, 0, size)
            verify_inclusion(leaf(index), index, size, proof, root)


def test_every_consistency_proof_up_to_300_leaves_is_the_rfcs_and_verifies() -> None:
    for second in range(1, LARGEST + 1):
        for first in range(1, second + 1):
            proof = make_consistency_proof(ORACLE, first, second)
            assert proof == subproof(first, 0, second, True)
            verify_consistency(first, second, proof, mth(0, first), mth(0, second))


def test_the_reference_vectors_of_certificate_transparency_hold() -> None:
    leaves = [leaf_hash(bytes.fromhex(entry)) for entry in VECTORS["leaves"]]
    roots = [bytes.fromhex(root) for root in VECTORS["roots"]]

    class Tree:
        def subtree(self, height: int, index: int) -> bytes:
            if height == 0:
                return leaves[index]
            return node_hash(self.subtree(height - 1, 2 * index), self.subtree(height - 1, 2 * index + 1))

    assert roots[0] == EMPTY_ROOT
    for size, root in enumerate(roots):
        assert tree_head(Tree(), size) == root
    for vector in VECTORS["inclusion"]:
        proof = [bytes.fromhex(text) for text in vector["proof"]]
        assert make_inclusion_proof(Tree(), vector["index"], vector["size"]) == proof
        verify_inclusion(leaves[vector["index"]], vector["index"], vector["size"], proof, roots[vector["size"]])
    for vector in VECTORS["consistency"]:
        first, second = vector["first"], vector["second"]
        proof = [bytes.fromhex(text) for text in vector["proof"]]
        assert make_consistency_proof(Tree(), first, second) == proof
        verify_consistency(first, second, proof, roots[first], roots[second])


sizes = st.integers(1, LARGEST)


@st.composite
def mutated(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """A proof that differs: a bit flipped, a hash dropped, doubled, added or moved."""
    kinds = ["add"] + (["flip", "drop", "double", "cut"] if proof else []) + (["swap"] if len(set(proof)) > 1 else [])
    kind = draw(st.sampled_from(kinds))
    changed = list(proof)
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    if kind == "add":
        changed.insert(draw(st.integers(0, len(proof))), draw(st.binary(min_size=32, max_size=32)))
    elif kind == "flip":
        bit = draw(st.integers(0, 255))
        changed[at] = bytes(byte ^ (1 << bit % 8 if bit // 8 == place else 0) for place, byte in enumerate(proof[at]))
    elif kind == "drop":
        del changed[at]
    elif kind == "double":
        changed.insert(at, changed[at])
    elif kind == "cut":
        changed[at] = changed[at][:31]
    else:
        other = draw(st.integers(0, len(proof) - 1).filter(lambda place: proof[place] != proof[at]))
        changed[at], changed[other] = changed[other], changed[at]
    return changed


@given(st.data(), sizes)
def test_a_changed_inclusion_proof_is_refused(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = data.draw(mutated(path(index, 0, size)))
    with pytest.raises(ProofError):
        verify_inclusion(leaf(index), index, size, proof, mth(0, size))


@given(st.data(), sizes)
def test_an_inclusion_proof_holds_for_its_leaf_place_size_and_root_only(data: st.DataObject, size: int) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = path(index, 0, size)
    other_index = data.draw(st.integers(-2, LARGEST).filter(lambda other: other != index))
    other_leaf = data.draw(st.integers(0, LARGEST).filter(lambda other: other != index))
    for arguments in (
        (leaf(other_leaf), index, size, proof, mth(0, size)),
        (leaf(index), index, size, proof, mth(0, size + 1)),
        (leaf(index), other_index, size, proof, mth(0, size)),
    ):
        with pytest.raises(ProofError):
            verify_inclusion(*arguments)


@given(st.data(), sizes)
def test_a_changed_consistency_proof_is_refused(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(1, second))
    proof = data.draw(mutated(subproof(first, 0, second, True)))
    with pytest.raises(ProofError):
        verify_consistency(first, second, proof, mth(0, first), mth(0, second))


@given(st.data(), sizes)
def test_no_proof_joins_a_tree_to_a_fork_of_it(data: st.DataObject, second: int) -> None:
    first = data.draw(st.integers(1, second))
    forked = Frontier()
    fork_at = data.draw(st.integers(0, first - 1))
    for index in range(second):
        forked.append(leaf(index if index != fork_at else LARGEST + 1 + index))
    with pytest.raises(ProofError):
        verify_consistency(first, second, subproof(first, 0, second, True), mth(0, first), forked.root())


def test_sizes_that_no_proof_can_join_are_refused() -> None:
    root = mth(0, 5)
    for first, second in ((6, 5), (-1, 5), (0, 5), (0, 0)):
        with pytest.raises(ProofError):
            make_consistency_proof(ORACLE, first, second)
    for index, size in ((5, 5), (-1, 5), (0, 0)):
        with pytest.raises(ProofError):
            make_inclusion_proof(ORACLE, index, size)
        with pytest.raises(ProofError):
            verify_inclusion(leaf(0), index, size, [], root)
    for first, second in ((6, 5), (-1, 5)):
        with pytest.raises(ProofError):
            verify_consistency(first, second, [], root, root)


def test_every_tree_begins_with_the_empty_tree_and_with_itself() -> None:
    verify_consistency(0, 5, [], EMPTY_ROOT, mth(0, 5))
    verify_consistency(5, 5, [], mth(0, 5), mth(0, 5))
    with pytest.raises(ProofError):
        verify_consistency(0, 5, [], mth(0, 1), mth(0, 5))
    with pytest.raises(ProofError):
        verify_consistency(5, 5, [], mth(0, 4), mth(0, 5))
    with pytest.raises(ProofError):
        verify_consistency(0, 5, [leaf(0)], EMPTY_ROOT, mth(0, 5))


def test_a_frontier_knows_how_many_subtrees_its_size_has() -> None:
    with pytest.raises(TlogError):
        Frontier(3, [leaf(0)])
