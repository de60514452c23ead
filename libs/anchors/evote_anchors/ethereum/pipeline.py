"""Which transaction to send next: plain rules from what the chain says and what this writer sent.

The chain is the truth and there is no journal. An account's transactions are a row of nonces: the node says how many
are in blocks and how many, in a row, it knows besides. What it knows and this process did not send is *foreign*: sent
before a restart. Of the transactions with one nonce only one ever gets into a block, so that taking a nonce over
never anchors twice.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..anchor import Anchor
from ..errors import AnchorRefused
from .fees import Fee


@dataclass(frozen=True)
class ChainView:
    """What a node says of the account and the log.

    Args:
        mined: how many transactions of the account are in blocks: the nonce of the next one.
        known: as ``mined``, with those that wait in the node's pool without a gap.
        newest: the log's newest head in the contract; read after the counts, so that it is at least as new.
    """

    mined: int
    known: int
    newest: Anchor | None


@dataclass(frozen=True)
class Sent:
    """A transaction of this process. ``sent_at`` is in seconds of the writer's clock."""

    nonce: int
    anchor: Anchor
    fee: Fee
    raw: bytes
    sent_at: float


@dataclass(frozen=True)
class Again:
    """Send the same bytes again: the node lost them, or never had them."""

    sent: Sent


@dataclass(frozen=True)
class Put:
    """Send a head with this nonce; ``outbids`` is the fee of what is there already, as far as it is known."""

    nonce: int
    anchor: Anchor
    outbids: Fee | None


Step = Again | Put


class Pipeline:
    """What this process sent and is not in a block yet, by nonce."""

    def __init__(self, *, replace_after_s: float, max_pending: int) -> None:
        """At most ``max_pending`` transactions wait at a time; one that waits ``replace_after_s`` is outbid."""
        self._replace_after_s = replace_after_s
        self._max_pending = max_pending
        self._sent: dict[int, Sent] = {}
        self._foreign_since: dict[int, float] = {}

    def sent_at(self, nonce: int) -> Sent | None:
        """What this process sent with a nonce."""
        return self._sent.get(nonce)

    def record(self, sent: Sent) -> None:
        """Remember a transaction, before it is sent: whatever then happens, it may be on its way."""
        self._sent[sent.nonce] = sent
        self._foreign_since.pop(sent.nonce, None)

    def restore(self, nonce: int, earlier: Sent | None) -> None:
        """A node refused what was recorded: what it stood in for is there still, if there was any."""
        if earlier is None:
            self._sent.pop(nonce, None)
        else:
            self._sent[nonce] = earlier

    def plan(self, anchor: Anchor, view: ChainView, now: float) -> list[Step]:
        """The steps that get this head, or a larger one of the log, into a block; none when it is on its way.

        Raises:
            AnchorRefused: the contract holds another root of this size, or a larger size; or another root of this
                size is on its way.
        """
        self._observe(view, now)
        if view.newest is not None and view.newest.size >= anchor.size:
            _refuse_unless_same(anchor, view.newest, "is anchored")
            return []
        wanted = self._largest_on_the_way(anchor)
        if wanted.size == anchor.size:
            _refuse_unless_same(anchor, wanted, "is on its way")
        put = self._gap(wanted, view) or self._stuck(wanted, view, now) or self._next(anchor, view)
        lost: list[Step] = [Again(sent) for nonce, sent in sorted(self._sent.items()) if nonce >= view.known]
        if put is None:
            return lost
        return [step for step in lost if isinstance(step, Again) and step.sent.nonce != put.nonce] + [put]

    def _observe(self, view: ChainView, now: float) -> None:
        self._sent = {nonce: sent for nonce, sent in self._sent.items() if nonce >= view.mined}
        self._foreign_since = {
            nonce: self._foreign_since.get(nonce, now)
            for nonce in range(view.mined, view.known)
            if nonce not in self._sent
        }

    def _largest_on_the_way(self, anchor: Anchor) -> Anchor:
        """The submitted head, unless a larger one was submitted before it."""
        sizes = [sent.anchor for sent in self._sent.values() if sent.anchor.origin == anchor.origin]
        return max([*sizes, anchor], key=lambda head: head.size)

    def _gap(self, wanted: Anchor, view: ChainView) -> Put | None:
        """A nonce that nobody has, below one of ours: none of the later ones gets into a block before it."""
        missing = set(range(view.known, max(self._sent, default=-1))) - self._sent.keys()
        return Put(min(missing), wanted, None) if missing else None

    def _stuck(self, wanted: Anchor, view: ChainView, now: float) -> Put | None:
        """The first waiting transaction, when it has waited too long. The newest head takes its place."""
        sent = self._sent.get(view.mined)
        since = sent.sent_at if sent is not None else self._foreign_since.get(view.mined)
        if since is None or now - since < self._replace_after_s:
            return None
        if sent is None:
            return Put(view.mined, wanted, None)
        same_log = sent.anchor.origin == wanted.origin
        return Put(view.mined, wanted if same_log else sent.anchor, sent.fee)

    def _next(self, anchor: Anchor, view: ChainView) -> Put | None:
        """A place for a head that is larger than all on their way."""
        if self._foreign_since:
            return None  # they may hold this very head: the chain will tell
        waiting = [sent for _, sent in sorted(self._sent.items()) if sent.anchor.origin == anchor.origin]
        if any(sent.anchor.size >= anchor.size for sent in waiting):
            return None
        newest = view.newest.size if view.newest is not None else 0
        for sent in waiting:
            if sent.anchor.size <= newest:
                return Put(sent.nonce, anchor, sent.fee)  # a larger head goes before it: it would only fail
            newest = sent.anchor.size
        if len(self._sent) >= self._max_pending:
            return None
        return Put(max([*self._sent, view.mined - 1, view.known - 1]) + 1, anchor, None)


def _refuse_unless_same(anchor: Anchor, other: Anchor, how: str) -> None:
    if other != anchor:
        raise AnchorRefused(
            f"size {anchor.size} with root {anchor.root.hex()} can't be anchored for {anchor.origin}: "
            f"size {other.size} with root {other.root.hex()} {how}"
        )
