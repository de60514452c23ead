"""checkpoint - earlier ones: the log only ever grew, as far as anybody has looked."""

from __future__ import annotations

from collections.abc import Iterable

from evote_tlog.checkpoint import VerifierKey

from ..findings import Finding, Outcome, Tie, Unusable
from ..reading.checkpoints import LogBroken, signed_head
from ..reading.log_tree import LogTree
from ..reading.sources import Freshness


def tie(kept: Iterable[tuple[str, bytes]], tree: LogTree, key: VerifierKey, freshness: Freshness) -> Finding:
    """Whether each checkpoint that was seen before is a beginning of the log that was read."""
    faults, seen, beyond = list[str](), 0, 0
    for name, note in kept:
        try:
            earlier = signed_head(note, key, name).checkpoint
        except (LogBroken, Unusable) as error:
            faults.append(error.reason)
            continue
        if earlier.size > tree.size and freshness is Freshness.COPY:
            beyond += 1
            continue
        seen += 1
        if earlier.size > tree.size:
            faults.append(f"{name} has size {earlier.size}, the log now {tree.size}: the log was rolled back")
        elif earlier.root != tree.root(earlier.size):
            faults.append(f"{name}: the log of size {earlier.size} was another one than now: the log was forked")
    if faults:
        evidence = "two checkpoints that bear the log's signature and contradict each other are proof: keep the folder"
        return Finding(Tie.EARLIER, Outcome.FAILS, (*faults, evidence))
    if beyond:
        return Finding(
            Tie.EARLIER, Outcome.NOT_CHECKED, (f"{beyond} are larger than this copy of the log: give its URL",)
        )
    if not seen:
        return Finding(
            Tie.EARLIER, Outcome.NOT_CHECKED, ("none was seen before: give the same --save folder next time",)
        )
    return Finding(Tie.EARLIER, Outcome.HOLDS, (f"{seen} seen before, each a beginning of this log",))
