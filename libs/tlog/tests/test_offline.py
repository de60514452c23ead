from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_tlog.checkpoint import Checkpoint, SigningKey
from evote_tlog.errors import MalformedProof, ProofError, QuorumMissed, SignatureError, TlogError
from evote_tlog.merkle import leaf_hash
from evote_tlog.offline import OfflineProof, format_proof, parse_proof, verify_proof
from evote_tlog.policy import log_policy, parse_policy
from hypothesis import given
from hypothesis import strategies as st

TORCHWOOD = json.loads((Path(__file__).parent / "torchwood_vectors.json").read_text())
POLICY = parse_policy(f"log {TORCHWOOD['log']}\nwitness w {TORCHWOOD['witness']}\nquorum w\n")
LEAF = leaf_hash(b"5")
KEY = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
NOTE = KEY.sign(Checkpoint(KEY.verifier.name, 1, leaf_hash(b"")))


def test_a_proof_that_another_implementation_made_holds() -> None:
    proof = parse_proof(TORCHWOOD["proof"])
    assert (proof.index, proof.extra) == (5, b"extra")
    assert format_proof(proof) == TORCHWOOD["proof"]
    assert verify_proof(proof, LEAF, POLICY).size == 11


def test_a_proof_holds_for_its_own_entry_at_its_own_place_only() -> None:
    proof = parse_proof(TORCHWOOD["proof"])
    with pytest.raises(ProofError):
        verify_proof(proof, leaf_hash(b"6"), POLICY)
    for index in (4, 6, 10, 11):
        with pytest.raises(ProofError):
            verify_proof(OfflineProof(index, proof.hashes, proof.note), LEAF, POLICY)


def test_a_proof_without_the_trusted_signatures_does_not_hold() -> None:
    proof = parse_proof(TORCHWOOD["proof"])
    bare = proof.note.rpartition("\u2014")[0]
    with pytest.raises(QuorumMissed):
        verify_proof(OfflineProof(5, proof.hashes, bare), LEAF, POLICY)
    with pytest.raises(SignatureError):
        verify_proof(proof, LEAF, log_policy(KEY.verifier))


def test_the_proof_in_a_log_of_one_entry_has_no_hash() -> None:
    text = format_proof(OfflineProof(0, (), NOTE))
    assert text == f"c2sp.org/tlog-proof@v1\nindex 0\n\n{NOTE}"
    assert verify_proof(parse_proof(text), leaf_hash(b""), log_policy(KEY.verifier)).size == 1


hashes = st.integers(0, 255).map(lambda number: hashlib.sha256(bytes([number])).digest())


@given(
    index=st.integers(0, 2**63 - 1),
    path=st.lists(hashes, max_size=63).map(tuple),
    extra=st.none() | st.binary(max_size=50),
)
def test_a_proof_survives_its_text(index: int, path: tuple[bytes, ...], extra: bytes | None) -> None:
    proof = OfflineProof(index, path, NOTE, extra)
    assert parse_proof(format_proof(proof)) == proof
    assert parse_proof(format_proof(proof).encode()) == proof


@given(st.data())
def test_no_changed_byte_leaves_a_proof_standing(data: st.DataObject) -> None:
    text = bytearray(TORCHWOOD["proof"].encode())
    at = data.draw(st.integers(0, len(text) - 1))
    text[at] ^= data.draw(st.integers(1, 255))
    try:
        proof = parse_proof(bytes(text))
        verify_proof(proof, LEAF, POLICY)
    except TlogError:
        return
    assert proof.extra != b"extra"  # what nobody vouches for may change


@pytest.mark.parametrize(
    "head",
    [
        "", "c2sp.org/tlog-proof@v2\nindex 0", "c2sp.org/tlog-proof@v1", "c2sp.org/tlog-proof@v1\nextra AAAA",
        "c2sp.org/tlog-proof@v1\nindex 0\nextra AAAA", "c2sp.org/tlog-proof@v1\nextra A\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 01", "c2sp.org/tlog-proof@v1\nindex -1", "c2sp.org/tlog-proof@v1\nindex 0\nAAAA",
        f"c2sp.org/tlog-proof@v1\nindex {2**63}", "c2sp.org/tlog-proof@v1\r\nindex 0",
        "c2sp.org/tlog-proof@v1\nindex 0" + "\nAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=" * 64,
    ],
)  # fmt: skip
def test_what_is_no_proof_is_refused(head: str) -> None:
    with pytest.raises(MalformedProof):
        parse_proof(f"{head}\n\n{NOTE}")


@pytest.mark.parametrize("text", ["c2sp.org/tlog-proof@v1\nindex 0\n", b"\xff", "\ud800", "x" * 400_000])
def test_a_cut_or_endless_text_is_no_proof(text: str | bytes) -> None:
    with pytest.raises(MalformedProof):
        parse_proof(text)
