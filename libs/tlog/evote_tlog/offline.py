"""C2SP tlog-proof: a file that shows, without a network, that an entry is in the log and witnesses saw it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from .checkpoint import MAX_NOTE_BYTES, Checkpoint
from .errors import MalformedNote, MalformedProof
from .merkle import HASH_BYTES
from .policy import Policy, verify_policy
from .proof import verify_inclusion
from .text import decode_base64, encode_base64, parse_decimal

_HEADER: Final = "c2sp.org/tlog-proof@v1"
_MAX_HASHES: Final = 63  # the path in a tree of 2^63 leaves
_MAX_EXTRA_BYTES: Final = 64 * 1024
_MAX_PROOF_BYTES: Final = MAX_NOTE_BYTES + 2 * _MAX_EXTRA_BYTES


@dataclass(frozen=True)
class OfflineProof:
    """An inclusion proof and the checkpoint that it leads to."""

    index: int
    hashes: tuple[bytes, ...]
    """From the leaf's sibling up to the root's child (RFC 9162, section 2.1.3)."""
    note: str
    """The signed and cosigned checkpoint, verbatim."""
    extra: bytes | None = None
    """What an application adds; nobody vouches for it."""


def format_proof(proof: OfflineProof) -> str:
    """The text of a ``.tlog-proof`` file."""
    lines = [_HEADER]
    if proof.extra is not None:
        lines.append(f"extra {encode_base64(proof.extra)}")
    lines.append(f"index {proof.index}")
    lines += [encode_base64(given) for given in proof.hashes]
    return "\n".join(lines) + f"\n\n{proof.note}"


def parse_proof(text: str | bytes) -> OfflineProof:
    """The inverse of :func:`format_proof`. Nothing says yet that the proof holds.

    Raises:
        MalformedProof: it is none.
    """
    try:
        encoded = text if isinstance(text, bytes) else text.encode()
        decoded = encoded.decode()
    except UnicodeError as error:
        raise MalformedProof("a proof is UTF-8") from error
    if len(encoded) > _MAX_PROOF_BYTES:
        raise MalformedProof(f"a proof of more than {_MAX_PROOF_BYTES} bytes")
    head, separator, note = decoded.partition("\n\n")
    header, *lines = head.split("\n")
    if header != _HEADER or not separator:
        raise MalformedProof(f"a proof begins with the line {_HEADER} and has an empty line before its checkpoint")
    try:
        return _parse_lines(lines, note)
    except MalformedNote as error:
        raise MalformedProof(error.reason) from error


def verify_proof(proof: OfflineProof, leaf: bytes, policy: Policy) -> Checkpoint:
    """The steps of tlog-proof, "Verifying a tlog proof".

    Args:
        leaf: the hash of the entry that should be in the log, computed from the entry itself (step 1).
        policy: the logs and the witnesses that are trusted.

    Raises:
        MalformedNote, SignatureError, QuorumMissed: the checkpoint is none that the policy trusts.
        ProofError: the entry is not shown to be at the index.
    """
    checkpoint = verify_policy(proof.note, policy)  # steps 2 and 3
    verify_inclusion(leaf, proof.index, checkpoint.size, proof.hashes, checkpoint.root)  # step 4
    return checkpoint


def _parse_lines(lines: list[str], note: str) -> OfflineProof:
    extra = None
    if lines and lines[0].startswith("extra "):
        extra = decode_base64(lines.pop(0).removeprefix("extra "))
    if not lines or not lines[0].startswith("index "):
        raise MalformedProof("no line with the index")
    index = parse_decimal(lines.pop(0).removeprefix("index "))
    if len(lines) > _MAX_HASHES:
        raise MalformedProof(f"more than {_MAX_HASHES} hashes")
    hashes = tuple(decode_base64(line) for line in lines)
    if any(len(given) != HASH_BYTES for given in hashes):
        raise MalformedProof("a hash that is not 32 bytes long")
    return OfflineProof(index, hashes, note, extra)
