"""A log that may have several histories, and requests to a witness about them."""

from __future__ import annotations

import hashlib

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.merkle import EMPTY_ROOT, leaf_hash
from evote_tlog.proof import make_consistency_proof, tree_head
from evote_tlog.witness import AddCheckpoint, format_add_checkpoint

KEY = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


class History:
    """One history of the log; histories of different names differ from the first leaf on."""

    def __init__(self, name: str, key: SigningKey = KEY) -> None:
        self.key = key
        self.leaves = [leaf_hash(f"{name} {index}".encode()) for index in range(512)]

    def subtree(self, height: int, index: int) -> bytes:
        if height == 0:
            return self.leaves[index]
        left, right = self.subtree(height - 1, 2 * index), self.subtree(height - 1, 2 * index + 1)
        return hashlib.sha256(b"\x01" + left + right).digest()

    def root(self, size: int) -> bytes:
        return tree_head(self, size) if size else EMPTY_ROOT

    def note(self, size: int) -> str:
        return self.key.sign(Checkpoint(self.key.verifier.name, size, self.root(size)))

    def request(self, first: int, second: int) -> bytes:
        proof = tuple(make_consistency_proof(self, first, second)) if 0 < first <= second else ()
        return format_add_checkpoint(AddCheckpoint(first, proof, self.note(second)))


@pytest.fixture
def log_key() -> SigningKey:
    return KEY


@pytest.fixture
def honest() -> History:
    return History("honest")


@pytest.fixture
def forked() -> History:
    return History("forked")
