"""What every chain gives: a checkpoint's head in a block, and how to put one there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal, Protocol

ChainName = Literal["ethereum", "fabric"]


@dataclass(frozen=True, slots=True)
class Anchor:
    """The head of a log as a chain holds it: all that ever leaves."""

    origin: str
    size: int
    root: bytes
    """32 bytes."""


@dataclass(frozen=True, slots=True)
class AnchoredHead:
    """An anchor in a block of a chain.

    Args:
        anchor: the head.
        transaction: the chain's own id of the transaction, in hexadecimal (Ethereum's with ``0x``).
        block: the block's number.
        block_hash: hexadecimal, as the chain writes it.
        block_time: the block's own time, UTC.
        anchorer: who sent it, as the chain says: an address, or the id of an organisation's MSP.
    """

    anchor: Anchor
    transaction: str
    block: int
    block_hash: str
    block_time: datetime
    anchorer: str


@dataclass(frozen=True, slots=True)
class ChainHead:
    """How far a chain is: its newest block, and the newest that no reorganisation will take back.

    ``final_block`` is the block number at the finality depth that the reader was given; -1: none yet.
    """

    block: int
    final_block: int


class AnchorReader(Protocol):
    """Reads anchors back; needs no key. Every method raises :class:`evote_anchors.errors.ChainUnavailable`."""

    @property
    def chain(self) -> ChainName:
        """Which kind of chain it is."""

    @property
    def anchor_contract(self) -> str:
        """The contract: a CAIP-10 account (``eip155:<chain id>:<address>``) or ``fabric:<channel>:<chaincode>``."""

    async def head(self) -> ChainHead:
        """How far the chain is now."""

    async def newest(self, origin: str) -> Anchor | None:
        """The anchor that the contract holds for a log in the newest block; None: it has none."""

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        """Every anchor of a log in the blocks from first to last (inclusive), in the chain's order."""


class AnchorWriter(AnchorReader, Protocol):
    """Sends anchors, as the one registered anchorer."""

    async def submit(self, anchor: Anchor) -> None:
        """Take care that this head, or a larger one that is submitted later, gets into a block.

        Returns when the chain's node has taken it; whether it is in a block is read with ``anchors``.
        Repeating a head that the chain holds, or that is on its way, sends nothing new, unless it is stuck:
        then it is sent again at a better price, with the newest head in its place. Safe to call again after
        any crash.

        Raises:
            AnchorRefused: the contract would not take it.
            ChainUnavailable: the outcome is unknown; submit again.
        """
