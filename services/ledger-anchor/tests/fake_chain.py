"""Chains in memory, which stand for a node where none runs."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

from evote_anchors.anchor import Anchor, AnchoredHead, ChainHead, ChainName
from evote_anchors.errors import AnchorRefused, ChainUnavailable

CHAIN = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"
_MOMENT = datetime(2026, 11, 25, tzinfo=UTC)


class FakeChain:
    """One block for each anchor, final at once; tests change whatever they like."""

    chain, anchor_contract = "ethereum", CHAIN

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
        self.anchored.append(AnchoredHead(self.contract, transaction, self.block, block_hash, _MOMENT, "0xabc"))
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


class FakeMiningChain:
    """An AnchorWriter: a block for each anchor that is sent, reorganised when the test says so."""

    chain: ChainName = "ethereum"
    anchor_contract = CHAIN

    def __init__(self, *, finality_depth: int = 0) -> None:
        self.finality_depth = finality_depth
        self.blocks: list[tuple[str, list[Anchor]]] = [("genesis", [])]
        self.mempool: list[Anchor] = []
        self.submitted: list[Anchor] = []
        self.down = False
        self.mining = True
        self._hashes = 0

    def mine(self, *anchors: Anchor) -> None:
        self._hashes += 1
        self.blocks.append((f"0x{self._hashes:064x}", [*self.mempool, *anchors]))
        self.mempool.clear()

    def reorganise(self, depth: int) -> None:
        """The last blocks never were; what they held is forgotten."""
        del self.blocks[-depth:]
        for _ in range(depth):
            self.mine()

    def sizes(self) -> list[int]:
        return [anchor.size for _, anchors in self.blocks for anchor in anchors]

    async def submit(self, anchor: Anchor) -> None:
        self._answer()
        self.submitted.append(anchor)
        if anchor in self.mempool or anchor == await self.newest(anchor.origin):
            return
        if self.sizes() and anchor.size <= self.sizes()[-1]:
            raise AnchorRefused("the size does not grow")
        self.mempool.append(anchor)
        if self.mining:
            self.mine()

    async def head(self) -> ChainHead:
        self._answer()
        return ChainHead(len(self.blocks) - 1, len(self.blocks) - 1 - self.finality_depth)

    async def newest(self, origin: str) -> Anchor | None:
        self._answer()
        return next((anchor for _, anchors in reversed(self.blocks) for anchor in reversed(anchors)), None)

    async def anchors(self, origin: str, first_block: int, last_block: int) -> Sequence[AnchoredHead]:
        self._answer()
        return [
            AnchoredHead(anchor, f"0x{anchor.size:064x}", number, block_hash, _MOMENT, "0xA")
            for number, (block_hash, anchors) in enumerate(self.blocks)
            if first_block <= number <= last_block
            for anchor in anchors
        ]

    def _answer(self) -> None:
        if self.down:
            raise ChainUnavailable("down")
