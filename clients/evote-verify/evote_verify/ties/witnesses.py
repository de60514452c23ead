"""checkpoint - witnesses: enough witnesses, by the auditor's own policy, cosigned a checkpoint of this log."""

from __future__ import annotations

from datetime import UTC, datetime

from evote_tlog.checkpoint import parse_note
from evote_tlog.errors import TlogError
from evote_tlog.policy import Policy, cosigners, verify_policy

from ..findings import Finding, Outcome, Tie
from ..reading.checkpoints import SignedHead
from ..reading.log_tree import LogTree


def tie(witnessed: SignedHead | None, policy: Policy, tree: LogTree) -> Finding:
    """Hold the newest cosigned checkpoint against a policy and the log of at least its size that was read."""
    if witnessed is None:
        return Finding(Tie.WITNESSES, Outcome.FAILS, ("the log gives no cosigned checkpoint",))
    try:
        checkpoint = verify_policy(witnessed.note, policy)
        cosigned = cosigners(parse_note(witnessed.note), policy)
    except TlogError as error:
        return Finding(Tie.WITNESSES, Outcome.FAILS, (error.reason,))
    if checkpoint.root != tree.root(checkpoint.size):
        return Finding(
            Tie.WITNESSES,
            Outcome.FAILS,
            (f"the witnesses saw another log: theirs of size {checkpoint.size} has the root {checkpoint.root.hex()}",),
        )
    times = [
        f"{name} ({datetime.fromtimestamp(seconds, UTC).isoformat(timespec='seconds')})"
        for name, seconds in cosigned.items()
    ]
    return Finding(
        Tie.WITNESSES,
        Outcome.HOLDS,
        (
            f"the first {checkpoint.size} of {tree.size} records were seen by {', '.join(times) or 'nobody'}",
            f"enough for the quorum {policy.quorum!r} of the policy",
        ),
    )
