"""The part of a log that witnesses saw, for programs that act on it: read whole, checked, and nothing beyond."""

from __future__ import annotations

from dataclasses import dataclass

from evote_tlog.checkpoint import Checkpoint
from evote_tlog.errors import TlogError
from evote_tlog.policy import NO_QUORUM, Policy, verify_policy

from ..findings import Unusable
from .checkpoints import LogBroken, newest_head, witnessed_head
from .elections import LoggedElections
from .log import Progress, read_records
from .log_tree import LogTree
from .sources import LogSource


class NotWitnessed(Exception):
    """No checkpoint of the log bears the cosignatures that the policy asks for. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


@dataclass(frozen=True)
class WitnessedLog:
    """All records below a checkpoint that the policy's quorum cosigned."""

    checkpoint: Checkpoint
    elections: LoggedElections
    tree: LogTree
    """At least as large as the checkpoint."""


def read_witnessed(source: LogSource, policy: Policy, progress: Progress) -> WitnessedLog:
    """Read a log up to its newest cosigned checkpoint.

    Raises:
        Unusable: the policy names not exactly one log, or asks for no witness; the source is no log.
        NotWitnessed: no checkpoint has the quorum's cosignatures.
        LogBroken: the records are not what was signed, or not what the witnesses saw.
        SourceUnavailable: not all of it could be read.
    """
    if len(policy.logs) != 1 or policy.quorum == NO_QUORUM:
        raise Unusable("the witness policy must name one log and ask for a quorum of witnesses")
    key = policy.logs[0].key
    witnessed = witnessed_head(source, key)
    if witnessed is None:
        raise NotWitnessed(f"{source.place} gives no cosigned checkpoint")
    try:
        checkpoint = verify_policy(witnessed.note, policy)
    except TlogError as error:
        raise NotWitnessed(error.reason) from error
    # The tiles of a saved log are those of its newest checkpoint, which may be larger than the cosigned one.
    head = max([witnessed, newest_head(source, key)], key=lambda head: head.checkpoint.size)
    elections = LoggedElections()

    def take(index: int, value: bytes) -> None:
        if index < checkpoint.size:
            elections.add(index, value)

    tree = read_records(source, head, take, progress)
    if tree.root(checkpoint.size) != checkpoint.root:
        raise LogBroken(f"the witnesses saw another log: theirs of size {checkpoint.size} has another root")
    return WitnessedLog(checkpoint, elections, tree)
