"""The small file with which a voter shows, without any network, that a ballot is in the log (C2SP tlog-proof).

Its extra data is the ballot's record: the leaf is computed from it, so that nothing in the file has to be believed.
"""

from __future__ import annotations

import hashlib

from evote_tlog.errors import MalformedNote, MalformedProof, TlogError
from evote_tlog.merkle import leaf_hash
from evote_tlog.offline import OfflineProof, format_proof, parse_proof, verify_proof
from evote_tlog.policy import Policy

from .elections import tracker_of_digest
from .findings import Finding, Outcome, Tie, Unusable
from .log_reader import SignedHead
from .log_tree import LogTree
from .receipt import Receipt
from .records import BallotAccepted, MalformedRecord, parse_record


def proof_text(record: bytes, index: int, tree: LogTree, head: SignedHead) -> str | None:
    """The content of a proof file; None when the record is longer than the format allows."""
    hashes = tuple(tree.inclusion(index, head.checkpoint.size))
    text = format_proof(OfflineProof(index, hashes, head.note.decode(), record))
    try:
        parse_proof(text)
    except MalformedProof:
        return None
    return text


def read_proof(content: bytes) -> tuple[OfflineProof, bytes]:
    """A proof and the record that it is about; raises :class:`Unusable`. Nothing in it is verified yet."""
    try:
        proof = parse_proof(content)
    except MalformedProof as error:
        raise Unusable(f"not a proof: {error.reason}") from error
    if proof.extra is None:
        raise Unusable("not a proof of a receipt: it lacks the record (the line that begins with extra)")
    return proof, proof.extra


def tie_proof(proof: OfflineProof, record: bytes, policy: Policy, asked: str) -> Finding:
    """Whether the record is under a checkpoint that a policy trusts; ``asked`` says which policy, for the report."""
    try:
        checkpoint = verify_proof(proof, leaf_hash(record), policy)
    except MalformedNote as error:
        raise Unusable(f"not a proof: {error.reason}") from error
    except TlogError as error:
        return Finding(Tie.PROOF, Outcome.FAILS, (error.reason,))
    return Finding(
        Tie.PROOF,
        Outcome.HOLDS,
        (f"record {proof.index} is under the checkpoint of size {checkpoint.size} of {checkpoint.origin}", asked),
    )


def tie_to_record(receipt: Receipt, index: int, value: bytes) -> Finding:
    """Whether a proof's record is the ballot that a receipt is about."""
    try:
        record = parse_record(value)
    except MalformedRecord as error:
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, (f"the proof's record {index}: {error.reason}",))
    event = record.event
    if not isinstance(event, BallotAccepted):
        return Finding(Tie.RECEIPT_LOG, Outcome.FAILS, (f"the proof's record {index} is no ballot",))
    tracker = tracker_of_digest(hashlib.sha256(event.ballot.encode()).digest())
    facts = (
        ("election", event.election_uuid, receipt.election_uuid),
        ("tracker", tracker, receipt.tracker),
        ("time of acceptance", record.time, receipt.accepted_at),
    )
    for name, ours, theirs in facts:
        if ours != theirs:
            return Finding(
                Tie.RECEIPT_LOG,
                Outcome.FAILS,
                (f"{name}: the proof's record {index} has {ours}, the receipt {theirs}",),
            )
    standing = "whether a later ballot took its place only the whole log tells: give --log"
    return Finding(Tie.RECEIPT_LOG, Outcome.HOLDS, (f"the ballot is record {index}", standing))
