"""The chains against the signed log: every final anchor is one of its checkpoints, and stays where it was verified."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import structlog
from evote_anchors.anchor import Anchor, AnchoredHead, AnchorReader, ChainHead
from evote_anchors.errors import ChainError, ChainUnavailable
from evote_platform.logging import exception_facts

from .domain import NOTHING, Finding
from .signed_log import SignedLog, VerifiedAnchor

READ_ALL_EVERY: Final = 20
"""In between, a pass asks a chain only for the blocks that have become final since the last."""

PATIENCE: Final = 3
"""How many passes in a row must see a chain's node contradict itself: one that lags behind does, for a while."""

_MOST_REASON: Final = 300
_log = structlog.get_logger(__name__)


@dataclass(frozen=True)
class ChainReading:
    """What a chain answered."""

    contract: str
    head: ChainHead
    newest: Anchor | None
    anchors: Sequence[AnchoredHead]
    """Up to the newest block."""
    vanished: Sequence[AnchoredHead]
    """Read from final blocks before, and not there any more."""


@dataclass(frozen=True)
class WatchedContract:
    """A contract on a chain, and the block that it was deployed in: nothing before is read."""

    reader: AnchorReader
    first_block: int


class ChainWatch:
    """One chain, and what it answered before."""

    def __init__(self, contract: WatchedContract, origin: str) -> None:
        """``origin`` is the log's own."""
        self.contract = contract.reader.anchor_contract
        self._reader = contract.reader
        self._first_block = contract.first_block
        self._origin = origin
        self._final: list[AnchoredHead] = []
        self._final_block = contract.first_block - 1
        self._passes = 0
        self._oddity: tuple[str, str] | None = None
        self._seen = 0
        self._forged: str | None = None
        self._forged_passes = 0

    async def read(self) -> ChainReading | None:
        """Ask the chain; None when it gives no answer that can be compared: :meth:`judge_answers` says whether
        that is tampering."""
        try:
            # The newest first: a block that comes in between must not make it look unknown.
            newest = await self._reader.newest(self._origin)
            head = await self._reader.head()
            # A node may have told of final blocks that there never were: those that come must not be passed over.
            anew = self._passes % READ_ALL_EVERY == 0 or head.block < self._final_block
            known = [] if anew else self._final
            first = self._final_block + 1 if known else self._first_block
            read = await self._reader.anchors(self._origin, first, head.block) if first <= head.block else []
        except ChainError as error:
            _log.warning("chain-not-read", contract=self.contract, error=type(error).__name__, reason=error.reason)
            # Not to answer is no tampering. A forged block is, and so is another contract in the place of ours.
            forged = None if isinstance(error, ChainUnavailable) else error.reason
            self._forged_passes = self._forged_passes + 1 if forged is not None and forged == self._forged else 1
            self._forged = forged
            return None
        except Exception as error:
            # An answer may be made to break whoever reads it: that must not blind the rest of the pass.
            _log.error("chain-unreadable", contract=self.contract, **exception_facts(error))
            return None
        self._forged = None
        anchors = [*known, *read]
        there = set(anchors)
        vanished = [old for old in self._final if old.block <= head.block and old not in there]
        self._passes += 1
        if anew or head.final_block >= self._final_block:
            beyond = [old for old in self._final if old.block > head.block]
            self._final = [*(anchor for anchor in anchors if anchor.block <= head.final_block), *beyond]
            self._final_block = head.final_block
        return ChainReading(self.contract, head, newest, anchors, vanished)

    def judge_answers(self) -> list[Finding]:
        """What the chain answered that can't be true, pass after pass: one node alone may have gone wrong."""
        if self._forged is None or self._forged_passes < PATIENCE:
            return []
        expected = "the anchor contract, in blocks that hold"
        return [Finding("chain-disagrees", self.contract, expected, self._forged[:_MOST_REASON], self.contract)]

    def judge(self, reading: ChainReading, log: SignedLog, lost: Mapping[int, bytes]) -> list[Finding]:
        """Compare what was read with the log, and its newest anchor with its own blocks.

        Args:
            lost: the roots by size that are known to be signed, but are larger than the log.
        """
        verified = [event for event in log.verified if event.ledger == self.contract]
        findings = judge_anchors(reading, log, lost)
        findings += judge_verified(reading, verified)
        oddity = find_oddity(reading, verified)
        self._seen = self._seen + 1 if oddity is not None and oddity == self._oddity else 1
        self._oddity = oddity
        if oddity is not None and self._seen >= PATIENCE:
            findings.append(Finding("chain-disagrees", f"{self.contract} newest anchor", *oddity, self.contract))
        return findings


def judge_anchors(reading: ChainReading, log: SignedLog, lost: Mapping[int, bytes]) -> list[Finding]:
    """Every anchor in a final block must be a checkpoint that was signed."""
    findings = []
    for held in reading.anchors:
        if held.block > reading.head.final_block or (log.blind and held.anchor.size > log.size):
            continue
        where = f"{reading.contract} block {held.block} transaction {held.transaction}"
        size, root, found = held.anchor.size, held.anchor.root, _text(held.anchor)
        signed = log.roots.get(size, lost.get(size))
        if signed is None:
            expected = "an anchor of a checkpoint that this log signed"
            if size > log.size:
                found += ": beyond the end of the log, which was cut off, or never was so large"
            findings.append(Finding("anchor-unrequested", where, expected, found, reading.contract))
        elif signed != root:
            findings.append(Finding("chain-disagrees", where, f"root {signed.hex()}", found, reading.contract))
        elif size > log.size:
            expected = f"a log of size {size} or more, which it signed with this root"
            findings.append(Finding("log-rolled-back", where, expected, "a log that ends before", reading.contract))
    return findings


def judge_verified(reading: ChainReading, verified: Iterable[VerifiedAnchor]) -> list[Finding]:
    """An anchor that was final once must stay in its block."""
    findings = []
    there = {(held.anchor.size, held.anchor.root.hex(), held.block, held.block_hash) for held in reading.anchors}
    by_size = {held.anchor.size: held for held in reading.anchors}
    once = {(event.size, event.root, event.block, event.block_hash) for event in verified}
    once |= {(held.anchor.size, held.anchor.root.hex(), held.block, held.block_hash) for held in reading.vanished}
    for size, root, block, block_hash in sorted(once - there):
        if block <= reading.head.final_block:
            now = by_size.get(size)
            found = NOTHING if now is None else f"{_text(now.anchor)} in block {now.block} ({now.block_hash})"
            where = f"{reading.contract} block {block}"
            expected = f"size {size}, root {root} in the block {block_hash}"
            findings.append(Finding("chain-disagrees", where, expected, found, reading.contract))
    return findings


def find_oddity(reading: ChainReading, verified: Iterable[VerifiedAnchor]) -> tuple[str, str] | None:
    """How the chain contradicts itself, as expected and found: that may also be one of its nodes lagging behind."""
    final = [held.anchor.size for held in reading.anchors if held.block <= reading.head.final_block]
    largest = max([*final, *(event.size for event in verified)], default=0)
    newest = reading.newest
    if (newest.size if newest is not None else 0) < largest:
        return f"an anchor of size {largest} or more", NOTHING if newest is None else _text(newest)
    if newest is not None and all(held.anchor != newest for held in reading.anchors):
        return "an anchor that one of its blocks holds", _text(newest)
    return None


def _text(anchor: Anchor) -> str:
    return f"size {anchor.size}, root {anchor.root.hex()}"
