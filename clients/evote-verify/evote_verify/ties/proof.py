"""proof - checkpoint: the record in a proof file is under a checkpoint that is trusted, shown without the log."""

from __future__ import annotations

from evote_tlog.errors import MalformedNote, TlogError
from evote_tlog.merkle import leaf_hash
from evote_tlog.offline import verify_proof
from evote_tlog.policy import Policy

from ..findings import Finding, Outcome, Tie, Unusable
from ..reading.proof_file import GivenProof


def tie(given: GivenProof, policy: Policy, asked: str) -> Finding:
    """Whether the record is under a checkpoint that a policy trusts; ``asked`` says which policy, for the report."""
    try:
        checkpoint = verify_proof(given.proof, leaf_hash(given.record), policy)
    except MalformedNote as error:
        raise Unusable(f"not a proof: {error.reason}") from error
    except TlogError as error:
        return Finding(Tie.PROOF, Outcome.FAILS, (error.reason,))
    return Finding(
        Tie.PROOF,
        Outcome.HOLDS,
        (f"record {given.proof.index} is under the checkpoint of size {checkpoint.size} of {checkpoint.origin}", asked),
    )
