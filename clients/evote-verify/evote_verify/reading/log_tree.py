"""The Merkle tree over the records that were read: every tile, and the head at every size that there ever was."""

from __future__ import annotations

from collections.abc import Iterator

from evote_tlog.merkle import HASH_BYTES
from evote_tlog.proof import make_inclusion_proof, tree_head
from evote_tlog.tiles import TILE_WIDTH, Tile, TileTree, roll_up, split_hashes, tiles_of

_TILE_BYTES = TILE_WIDTH * HASH_BYTES


class LogTree:
    """Grows by leaf hashes, and keeps them all: 32 bytes a record."""

    def __init__(self) -> None:
        self._levels: list[bytearray] = []

    @property
    def size(self) -> int:
        """How many leaves there are."""
        return len(self._levels[0]) // HASH_BYTES if self._levels else 0

    def append(self, leaf: bytes) -> None:
        """Add a leaf hash at the right end."""
        level = 0
        while True:
            if level == len(self._levels):
                self._levels.append(bytearray())
            hashes = self._levels[level]
            hashes += leaf
            if len(hashes) % _TILE_BYTES:
                return
            leaf = roll_up(split_hashes(bytes(hashes[-_TILE_BYTES:]), TILE_WIDTH))
            level += 1

    def tiles(self) -> Iterator[Tile]:
        """Every tile of this tree."""
        return tiles_of(self.size)

    def tile(self, tile: Tile) -> bytes:
        """The content that a tile must have."""
        start = tile.index * _TILE_BYTES
        return bytes(self._levels[tile.level][start : start + tile.width * HASH_BYTES])

    def root(self, size: int) -> bytes:
        """The head of the tree when it had this size, at most today's."""
        return tree_head(TileTree(size, self.tile), size)

    def inclusion(self, index: int, size: int) -> list[bytes]:
        """The proof that leaf ``index`` is in the tree of ``size``; raises ``ProofError`` when it is not."""
        return make_inclusion_proof(TileTree(size, self.tile), index, size)
