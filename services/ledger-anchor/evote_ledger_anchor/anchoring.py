"""Keeps one chain up with the log: sends the newest checkpoint that counts, and follows the chain's blocks.

Chains are never on the path of a cast: this reads what is signed already, and an outage only makes it lag.

Which crash survives what: nothing is remembered but events. What the chain holds is read from the chain, so that a
checkpoint whose sending was interrupted is found there, or sent again; that no size stands there twice is the
contract's rule. An announcement that was lost is made again from the same blocks.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import NoReturn

import asyncpg
import structlog
from evote_anchors.anchor import Anchor, AnchoredHead, AnchorWriter, ChainHead
from evote_anchors.errors import ChainError
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, EventData
from evote_eventlog.producer import EventProducer
from evote_eventlog.projection import TRANSIENT
from evote_platform.clock import Clock, rfc3339
from evote_platform.logging import exception_facts
from evote_platform.tracing import asking, span
from evote_tlog.checkpoint import parse_checkpoint, parse_note
from pydantic import SecretStr

from .leadership import keep_leading
from .metrics import AnchoringMetrics
from .store import Connection, StoredCheckpoint, checkpoint_root, newest_size, open_anchors
from .wakes import woken

NewestCounted = Callable[[Connection], Awaitable[StoredCheckpoint | None]]
"""The largest checkpoint that counts: as the witness policy says."""

_MOST_WAITING = 10_000
_RETRY_S = 1.0
_QUIET_LOOK_S = 1.0
"""From one look at the chain's blocks to the next, at least, while all of the log is in final ones."""

_log = structlog.get_logger(__name__)


class ChainAhead(ChainError):
    """The chain holds a larger size than the tables show: they are behind, or the log was rolled back."""


@dataclass(frozen=True)
class Pace:
    """How often a chain is used.

    Args:
        interval_s: seconds from one sending to the next, at least; what it costs an election, and how late it is.
        poll_s: seconds from one look at the chain's blocks to the next, while something of the log is in no final one.
        first_block: the block that the contract was deployed in: none before is read.
    """

    interval_s: float
    poll_s: float
    first_block: int


class Anchoring:
    """Anchors the log on one chain; one replica at a time, for ever."""

    def __init__(
        self,
        *,
        database_url: SecretStr,
        pool: asyncpg.Pool,
        producer: EventProducer,
        writer: AnchorWriter,
        origin: str,
        newest_counted: NewestCounted,
        wake: asyncio.Event,
        pace: Pace,
        clock: Clock,
        metrics: AnchoringMetrics,
    ) -> None:
        """``pool`` reaches the schema of :class:`evote_ledger_anchor.projection.LedgerProjection`; ``wake`` is set when
        it shows another checkpoint that counts.
        """
        self._database_url = database_url
        self._pool = pool
        self._producer = producer
        self._writer = writer
        self._origin = origin
        self._newest_counted = newest_counted
        self._wake = wake
        self._pace = pace
        self._clock = clock
        self._metrics = metrics
        self._announced: dict[int, str] = {}
        """Size → hash of the block that its anchor was announced in."""
        self._verified = 0
        self._on_chain = 0
        self._first_block = pace.first_block
        self._trouble: str | None = None
        self._newest = 0
        self._waiting: deque[tuple[int, datetime]] = deque()
        """Sizes that were there to be anchored, and since when; smallest first."""
        self._unfinished = asyncio.Event()
        """Set when something of the log is there to be anchored."""

    async def run(self) -> None:
        """Run until cancelled; outages of the chain, of Kafka and of the database are waited out."""
        await keep_leading(self._database_url, f"anchors {self._writer.anchor_contract}", self._lead)

    async def _lead(self) -> None:
        await self._recall()
        try:
            async with asyncio.TaskGroup() as work:
                work.create_task(self._repeat(self._send, self._until_the_next))
                work.create_task(self._repeat(self._follow, self._until_the_next_look))
        finally:
            self._metrics.up.labels(self._writer.chain).set(0)
            for shown in (self._metrics.verified_size, self._metrics.lag_entries, self._metrics.lag):
                shown.remove(self._writer.chain)  # the replica that leads shows them

    async def _until_the_next(self) -> None:
        await asyncio.sleep(self._pace.interval_s)
        await woken(self._wake)

    async def _until_the_next_look(self) -> None:
        await asyncio.sleep(self._pace.poll_s)
        if self._newest > self._verified:
            return
        # What is final stays where it is: while all of the log is, nobody waits for the next block.
        self._unfinished.clear()
        with suppress(TimeoutError):
            async with asyncio.timeout(max(0.0, _QUIET_LOOK_S - self._pace.poll_s)):
                await self._unfinished.wait()

    async def _repeat(self, step: Callable[[], Awaitable[None]], pause: Callable[[], Awaitable[None]]) -> NoReturn:
        """The chain's faults end a step and nothing else, so that the lag shows while it is down."""
        while True:
            try:
                await step()
            except TRANSIENT:
                raise
            except ChainError as error:
                self._note_trouble(f"{type(error).__name__}: {error.reason}")
                await asyncio.sleep(_RETRY_S)
            except Exception as error:
                # An answer may be made to break whoever reads it: that must not stop the sequencer beside this task.
                self._note_trouble(f"unreadable: {type(error).__name__}")
                _log.error("anchoring-failed", chain=self._writer.chain, **exception_facts(error))
                await asyncio.sleep(_RETRY_S)
            await pause()

    def _note_trouble(self, trouble: str) -> None:
        self._metrics.up.labels(self._writer.chain).set(0)
        if trouble != self._trouble:
            _log.warning("chain-trouble", chain=self._writer.chain, trouble=trouble)
        self._trouble = trouble

    async def _recall(self) -> None:
        """What was announced, by whichever replica."""
        known = await open_anchors(self._pool, self._writer.anchor_contract)
        self._announced = {anchor.size: anchor.block_hash for anchor in known}
        verified = [anchor for anchor in known if anchor.verified]
        self._verified = self._on_chain = max((anchor.size for anchor in verified), default=0)
        self._first_block = max((anchor.block for anchor in verified), default=self._pace.first_block)

    async def _send(self) -> None:
        newest = await self._newest_counted(self._pool)
        if newest is None:
            return
        self._note_newest(newest.size)
        if newest.size > self._on_chain:
            checkpoint = parse_checkpoint(parse_note(newest.note))
            with asking("submit anchor", self._about(checkpoint.size)):
                await self._writer.submit(Anchor(self._origin, checkpoint.size, checkpoint.root))

    async def _follow(self) -> None:
        """Read the blocks that are not final once more: a reorganisation moves anchors, or drops them."""
        head = await self._writer.head()
        if head.block < self._first_block - 1:
            await self._recall()  # a node that told of blocks that there never were must not hide the next ones
        found: Sequence[AnchoredHead] = []
        if head.block >= self._first_block:
            found = await self._writer.anchors(self._origin, self._first_block, head.block)
        ours = [anchored for anchored in found if await self._is_ours(anchored)]
        # The largest of a block covers the others, and each announcement is two events for every reader of the log. But
        # what was announced in another block must not stay announced there.
        largest = {anchored.block: anchored.anchor.size for anchored in ours}
        for anchored in ours:
            size = anchored.anchor.size
            if size != largest[anchored.block] and size not in self._announced:
                continue
            await self._tell(anchored, head)
        self._on_chain = max([self._verified, *(anchored.anchor.size for anchored in ours)])
        self._first_block = max(self._first_block, head.final_block + 1)
        self._trouble = None
        self._metrics.up.labels(self._writer.chain).set(1)
        self._show_lag()

    async def _is_ours(self, anchored: AnchoredHead) -> bool:
        size = anchored.anchor.size
        if self._announced.get(size) == anchored.block_hash:
            return True
        root = await checkpoint_root(self._pool, size)
        if root is None and size > await newest_size(self._pool):
            raise ChainAhead(f"the chain holds size {size}, which the tables don't show")
        if root != anchored.anchor.root:
            # To raise the alarm is the monitor's: it reads the chain for itself.
            _log.error("anchor-not-of-this-log", chain=self._writer.chain, transaction=anchored.transaction)
            return False
        return True

    async def _tell(self, anchored: AnchoredHead, head: ChainHead) -> None:
        """Announce what isn't yet, and what is final; both at once is one write, and one round of every reader."""
        size, is_final = anchored.anchor.size, anchored.block <= head.final_block
        if size <= self._verified:
            return
        announcement = self._announcement(anchored)
        events: list[EventData] = []
        if self._announced.get(size) != anchored.block_hash:
            events.append(announcement)
        if is_final:
            events.append(AnchorVerified.model_validate(announcement.model_dump(exclude={"block_time", "anchorer"})))
        if not events:
            return
        with span("announce anchor" if announcement in events else "announce final anchor", self._about(size)):
            await self._producer.publish_together(events)
        self._announced[size] = anchored.block_hash
        if is_final:
            self._note_verified(size)

    def _note_verified(self, size: int) -> None:
        self._verified = size
        self._metrics.anchors.labels(self._writer.chain).inc()
        while self._waiting and self._waiting[0][0] <= size:
            _, since = self._waiting.popleft()
            self._metrics.delay.labels(self._writer.chain).observe((self._clock() - since).total_seconds())

    def _about(self, size: int) -> dict[str, str | int]:
        return {"evote.chain": self._writer.chain, "evote.log.size": size}

    def _announcement(self, anchored: AnchoredHead) -> CheckpointAnchored:
        return CheckpointAnchored(
            origin=self._origin,
            chain=self._writer.chain,
            ledger=self._writer.anchor_contract,
            size=anchored.anchor.size,
            root=anchored.anchor.root.hex(),
            transaction=anchored.transaction,
            block=anchored.block,
            block_hash=anchored.block_hash,
            block_time=rfc3339(anchored.block_time),
            anchorer=anchored.anchorer,
        )

    def _note_newest(self, size: int) -> None:
        self._newest = size
        last = self._waiting[-1][0] if self._waiting else self._verified
        if size > last and len(self._waiting) < _MOST_WAITING:
            self._waiting.append((size, self._clock()))
        self._show_lag()
        if size > self._verified:
            self._unfinished.set()

    def _show_lag(self) -> None:
        chain = self._writer.chain
        oldest = self._waiting[0][1] if self._waiting else None
        self._metrics.verified_size.labels(chain).set(self._verified)
        self._metrics.lag_entries.labels(chain).set(max(0, self._newest - self._verified))
        self._metrics.lag.labels(chain).set((self._clock() - oldest).total_seconds() if oldest else 0)
