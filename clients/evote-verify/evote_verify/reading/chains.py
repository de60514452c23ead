"""What a chain says of a log: every anchor of its origin, and what the anchor contract holds now."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from datetime import datetime

from evote_anchors.anchor import Anchor, AnchoredHead, AnchorReader, ChainHead


@dataclass(frozen=True)
class ChainEvidence:
    """What a chain said, and when it was asked (RFC 3339)."""

    chain: str
    anchor_contract: str
    origin: str
    first_block: int
    head: ChainHead
    newest: Anchor | None
    anchors: tuple[AnchoredHead, ...]
    read_at: str


@dataclass(frozen=True)
class NamedChain:
    """A chain that an auditor named; ``open`` gives a reader that is closed behind the block it is used in."""

    name: str
    """``ethereum`` or ``fabric``."""
    open: Callable[[], AbstractAsyncContextManager[AnchorReader]]
    first_block: int
    """Where anchors are searched from: the contract's own block, or 0."""


async def read_chain(chain: NamedChain, origin: str, now: Callable[[], datetime]) -> ChainEvidence:
    """Ask a chain for all that it has of a log; raises :class:`evote_anchors.errors.ChainError`."""
    async with chain.open() as reader:
        head = await reader.head()
        anchors = tuple(await reader.anchors(origin, chain.first_block, head.block))
        newest = await reader.newest(origin)
        read_at = now().isoformat(timespec="seconds")
        return ChainEvidence(
            chain.name, reader.anchor_contract, origin, chain.first_block, head, newest, anchors, read_at
        )
