"""A chain as a list of anchors: stands for a node where none runs."""

from __future__ import annotations

from datetime import UTC, datetime

from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead
from evote_anchors.errors import ChainUnavailable

CHAIN = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"


class FakeChain:
    """One block for each anchor, final at once; tests change whatever they like."""

    chain, ledger = "ethereum", CHAIN

    def __init__(self, origin: str) -> None:
        self.origin = origin
        self.anchored: list[AnchoredHead] = []
        self.block = self.final_block = 0
        self.contract: Anchor | None = None
        self.down = False
        self.asked: list[tuple[int, int]] = []

    def anchor(self, size: int, root: bytes) -> AnchoredHead:
        self.block += 1
        self.final_block = self.block
        self.contract = Anchor(self.origin, size, root)
        block_hash, transaction = f"0x{self.block:064x}", f"0x{size:064x}"
        moment = datetime(2026, 11, 25, tzinfo=UTC)
        self.anchored.append(AnchoredHead(self.contract, transaction, self.block, block_hash, moment, "0xabc"))
        return self.anchored[-1]

    async def head(self) -> ChainHead:
        if self.down:
            raise ChainUnavailable("down")
        return ChainHead(self.block, self.final_block)

    async def newest(self, origin: str) -> Anchor | None:
        if self.down:
            raise ChainUnavailable("down")
        return self.contract

    async def anchors(self, origin: str, first_block: int, last_block: int) -> list[AnchoredHead]:
        self.asked.append((first_block, last_block))
        return [held for held in self.anchored if first_block <= held.block <= last_block]
