"""checkpoint - ethereum, checkpoint - fabric: whether what a chain holds of a log is this log.

- The anchors grow: a contract that takes a smaller size after a larger one would anchor two logs.
- Each is the head of this log at that size, computed from the records that were read.
- None is larger than the log. The chain is read before the log, so that a log which goes on can't seem too small; a log
  that is smaller than its anchor was rolled back.
- The newest anchor in a final block tells how much of the log nobody can change any more.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime

from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import ChainError, ChainUnavailable, WrongContract
from evote_tlog.merkle import HASH_BYTES

from ..findings import CHAIN_TIES, Finding, Outcome, Unusable
from ..reading.chains import ChainEvidence, NamedChain, read_chain
from ..reading.log_tree import LogTree
from ..reading.sources import Freshness


@dataclass(frozen=True)
class Part:
    """A part of the log that an auditor wants to know covered: its first ``size`` records."""

    name: str
    size: int


def ask(chain: NamedChain, origin: str, now: Callable[[], datetime]) -> ChainEvidence | Finding:
    """What a chain says of a log, to be asked before the log is read; or how it stands when it says nothing usable.

    Raises :class:`Unusable` for a contract that is none.
    """
    try:
        return asyncio.run(read_chain(chain, origin, now))
    except WrongContract as error:
        raise Unusable(f"{chain.name}: {error.reason}") from error
    except ChainUnavailable as error:
        return Finding(CHAIN_TIES[chain.name], Outcome.UNFINISHED, (error.reason,))
    except ChainError as error:
        # A block or a signature that is not what the chain's own rules make it.
        return Finding(CHAIN_TIES[chain.name], Outcome.FAILS, (error.reason,))


def tie(evidence: ChainEvidence, tree: LogTree, freshness: Freshness, parts: Iterable[Part]) -> Finding:
    """Hold what a chain says against the log.

    Args:
        evidence: what the chain said before the log was read.
        tree: of all the records of the log.
        freshness: a copy of the log may be older than its newest anchors.
        parts: what the report says covered or not.
    """
    faults = [*_faults(evidence), *_heads_that_differ(evidence, tree)]
    beyond = [anchor for anchor in _heads(evidence) if anchor.size > tree.size]
    if beyond and freshness is Freshness.LIVE:
        faults.append(f"an anchor has size {beyond[-1].size}, the log now {tree.size} records: it was rolled back")
    if faults:
        return Finding(CHAIN_TIES[evidence.chain], Outcome.FAILS, (evidence.anchor_contract, *faults))
    lines = [evidence.anchor_contract, *_coverage(evidence, tree, parts)]
    if beyond:
        lines.append(
            f"NOT CHECKED: {len(beyond)} anchors larger than this copy (to size {beyond[-1].size}): give the log's URL"
        )
    return Finding(CHAIN_TIES[evidence.chain], Outcome.HOLDS, tuple(lines))


def tie_saved(evidence: ChainEvidence, tree: LogTree, freshness: Freshness, parts: Iterable[Part]) -> Finding:
    """The same for what was saved of a chain that nobody asked now."""
    found = tie(evidence, tree, freshness, parts)
    caveat = (
        f"this is what was saved of the chain at {evidence.read_at}; that these blocks are on it, only the chain "
        f"itself shows: give --{evidence.chain}"
    )
    return Finding(found.tie, found.outcome, (*found.lines, caveat))


def _heads(evidence: ChainEvidence) -> list[Anchor]:
    """Every head that the chain has for this log; the contract's may be younger than the blocks that were searched."""
    heads = [anchored.anchor for anchored in evidence.anchors]
    if evidence.newest is not None and evidence.newest not in heads:
        heads.append(evidence.newest)
    return heads


def _faults(evidence: ChainEvidence) -> list[str]:
    if evidence.newest is None:
        return [f"the contract holds no anchor of {evidence.origin}"]
    faults = [
        f"{place}: it is no anchor of {evidence.origin}"
        for place, anchor in _places(evidence)
        if anchor.origin != evidence.origin or len(anchor.root) != HASH_BYTES
    ]
    for before, after in zip(evidence.anchors, evidence.anchors[1:], strict=False):
        if after.anchor.size <= before.anchor.size:
            faults.append(f"{_place(after)}: its size {after.anchor.size} comes after {before.anchor.size}")
    last = evidence.anchors[-1].anchor if evidence.anchors else None
    if last is not None and evidence.newest.size < last.size:
        faults.append(f"the contract holds size {evidence.newest.size}, its blocks an anchor of size {last.size}")
    return faults


def _heads_that_differ(evidence: ChainEvidence, tree: LogTree) -> list[str]:
    return [
        f"{place}: the root at size {anchor.size} is {anchor.root.hex()}, the log's was {tree.root(anchor.size).hex()}"
        for place, anchor in _places(evidence)
        if anchor.size <= tree.size and anchor.root != tree.root(anchor.size)
    ]


def _places(evidence: ChainEvidence) -> list[tuple[str, Anchor]]:
    places = [(_place(anchored), anchored.anchor) for anchored in evidence.anchors]
    if evidence.newest is not None and all(anchor != evidence.newest for _, anchor in places):
        places.append(("the contract's newest anchor", evidence.newest))
    return places


def _place(anchored: AnchoredHead) -> str:
    return f"block {anchored.block}, transaction {anchored.transaction}"


def _coverage(evidence: ChainEvidence, tree: LogTree, parts: Iterable[Part]) -> list[str]:
    lines = [
        f"{len(evidence.anchors)} anchors from block {evidence.first_block} on, each the head of this log at its size"
    ]
    final = [anchored for anchored in evidence.anchors if anchored.block <= evidence.head.final_block]
    covered = 0
    if final:
        newest = final[-1]
        covered = min(newest.anchor.size, tree.size)
        lines += [
            f"newest in a final block: size {newest.anchor.size}, block {newest.block} ({newest.block_hash}), "
            f"{newest.block_time.isoformat(timespec='seconds')}, sent by {newest.anchorer}",
            f"it covers {covered} of {tree.size} records",
        ]
    pending = len(evidence.anchors) - len(final)
    if pending:
        lines.append(f"{pending} anchors are in blocks that are not final yet (final: {evidence.head.final_block})")
    lines += [f"{part.name}: {'covered' if part.size <= covered else 'not covered yet'}" for part in parts]
    return lines
