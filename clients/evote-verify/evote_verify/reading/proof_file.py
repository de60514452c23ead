"""The small file with which a voter shows, without any network, that a ballot is in the log (C2SP tlog-proof).

Its extra data is the ballot's record: the leaf is computed from it, so that nothing in the file has to be believed.
"""

from __future__ import annotations

from dataclasses import dataclass

from evote_tlog.errors import MalformedProof
from evote_tlog.offline import OfflineProof, format_proof, parse_proof

from ..findings import Unusable
from .checkpoints import SignedHead
from .log_tree import LogTree


@dataclass(frozen=True)
class GivenProof:
    """A proof, and the record that it carries."""

    proof: OfflineProof
    record: bytes


def proof_text(record: bytes, index: int, tree: LogTree, head: SignedHead) -> str | None:
    """The content of a proof file; None when the record is longer than the format allows."""
    hashes = tuple(tree.inclusion(index, head.checkpoint.size))
    text = format_proof(OfflineProof(index, hashes, head.note.decode(), record))
    try:
        parse_proof(text)
    except MalformedProof:
        return None
    return text


def read_proof(content: bytes) -> GivenProof:
    """A proof with the record that it is about; raises :class:`Unusable`. Nothing in it is verified yet."""
    try:
        proof = parse_proof(content)
    except MalformedProof as error:
        raise Unusable(f"not a proof: {error.reason}") from error
    if proof.extra is None:
        raise Unusable("not a proof of a receipt: it lacks the record (the line that begins with extra)")
    return GivenProof(proof, proof.extra)
