"""The tree as static files: tiles, entry bundles and their paths (C2SP tlog-tiles)."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from .errors import EntryTooLarge, MalformedTile, MissingTile
from .merkle import HASH_BYTES, node_hash

TILE_HEIGHT: Final = 8
TILE_WIDTH: Final = 1 << TILE_HEIGHT
"""How many hashes a full tile has."""
MAX_ENTRY_BYTES: Final = 0xFFFF
"""The largest entry that a bundle can hold: its length is a big-endian uint16."""

MAX_LEVEL: Final = 63
_MAX_INDEX_CHARACTERS = 33  # 21 digits: more than any 64-bit index has
_LEVEL = re.compile(r"0|[1-9][0-9]?", re.ASCII)
_INDEX = re.compile(r"(x[0-9]{3}/)*[0-9]{3}", re.ASCII)
_PARTIAL = re.compile(r"(?P<index>.*)\.p/(?P<width>[1-9][0-9]{0,2})", re.ASCII | re.DOTALL)


@dataclass(frozen=True, order=True)
class Tile:
    """``width`` consecutive hashes of one level: full with 256, partial with fewer."""

    level: int
    index: int
    width: int = TILE_WIDTH

    @property
    def path(self) -> str:
        """The URL path below the log's prefix, such as ``tile/0/x001/x234/067.p/8``."""
        return f"tile/{self.level}/{index_path(self.index)}{_suffix(self.width)}"

    @property
    def full(self) -> Tile:
        """The full tile at the same place."""
        return Tile(self.level, self.index)


def entries_path(index: int, width: int = TILE_WIDTH) -> str:
    """The URL path of an entry bundle below the log's prefix."""
    return f"tile/entries/{index_path(index)}{_suffix(width)}"


def index_path(index: int) -> str:
    """The index in groups of three digits, all but the last with an ``x``: 1234067 is ``x001/x234/067``."""
    digits = str(index)
    digits = digits.zfill(-(-len(digits) // 3) * 3)
    groups = [digits[at : at + 3] for at in range(0, len(digits), 3)]
    return "/".join([*(f"x{group}" for group in groups[:-1]), groups[-1]])


def parse_index(path: str) -> tuple[int, int]:
    """The index and the width of ``<N>[.p/<W>]``; raises :class:`MalformedTile` for any other spelling."""
    width = TILE_WIDTH
    if partial := _PARTIAL.fullmatch(path):
        path, width = partial["index"], int(partial["width"])
        if width >= TILE_WIDTH:
            raise MalformedTile("a partial tile has 1 to 255 hashes")
    if len(path) > _MAX_INDEX_CHARACTERS or not _INDEX.fullmatch(path):
        raise MalformedTile("not a tile index")
    index = int(path.replace("x", "").replace("/", ""))
    if index_path(index) != path:
        raise MalformedTile("leading zeros in a tile index")
    return index, width


def parse_level(text: str) -> int:
    """The level of a tile path; raises :class:`MalformedTile`."""
    if not _LEVEL.fullmatch(text) or int(text) > MAX_LEVEL:
        raise MalformedTile("not a tile level")
    return int(text)


def tiles_of(size: int) -> Iterator[Tile]:
    """Every tile of the tree of ``size``, level by level, partial ones last in theirs."""
    return tiles_between(0, size)


def tiles_between(old_size: int, new_size: int) -> Iterator[Tile]:
    """The tiles that are new, or wider, in the tree of ``new_size`` compared with that of ``old_size``."""
    level = 0
    while new_size >> (TILE_HEIGHT * level):
        old, new = (size >> (TILE_HEIGHT * level) for size in (old_size, new_size))
        for index in range(old // TILE_WIDTH, -(-new // TILE_WIDTH)):
            width = min(TILE_WIDTH, new - index * TILE_WIDTH)
            if index * TILE_WIDTH + width > old:
                yield Tile(level, index, width)
        level += 1


def join_hashes(hashes: Iterable[bytes]) -> bytes:
    """The content of a tile."""
    return b"".join(hashes)


def split_hashes(content: bytes, width: int) -> list[bytes]:
    """The hashes of a tile; raises :class:`MalformedTile` when it is not ``width`` wide."""
    if len(content) != width * HASH_BYTES:
        raise MalformedTile(f"a tile of {len(content)} bytes; {width} hashes have {width * HASH_BYTES}")
    return [content[at : at + HASH_BYTES] for at in range(0, len(content), HASH_BYTES)]


def join_entries(entries: Iterable[bytes]) -> bytes:
    """The content of an entry bundle; raises :class:`EntryTooLarge`."""
    parts: list[bytes] = []
    for entry in entries:
        if len(entry) > MAX_ENTRY_BYTES:
            raise EntryTooLarge(len(entry), MAX_ENTRY_BYTES)
        parts += (len(entry).to_bytes(2, "big"), entry)
    return b"".join(parts)


def split_entries(content: bytes, width: int) -> list[bytes]:
    """The entries of a bundle; raises :class:`MalformedTile` when they are not ``width`` in number."""
    entries = []
    at = 0
    while at < len(content):
        end = at + 2 + int.from_bytes(content[at : at + 2], "big")
        if at + 2 > len(content) or end > len(content):
            raise MalformedTile("an entry bundle that breaks off")
        entries.append(content[at + 2 : end])
        at = end
    if len(entries) != width:
        raise MalformedTile(f"a bundle of {len(entries)} entries, not {width}")
    return entries


def roll_up(hashes: Sequence[bytes]) -> bytes:
    """The head of a perfect subtree over a power of two of hashes."""
    level = list(hashes)
    while len(level) > 1:
        level = [node_hash(level[at], level[at + 1]) for at in range(0, len(level), 2)]
    return level[0]


class TileTree:
    """The heads of perfect subtrees of a tree, from its tiles (:class:`evote_tlog.proof.SubtreeHashes`)."""

    def __init__(self, size: int, read: Callable[[Tile], bytes]) -> None:
        """``read`` gives the content of a tile of the tree of ``size``, or raises ``MissingTile``."""
        self._size = size
        self._read = read
        self._hashes: dict[Tile, list[bytes]] = {}

    def subtree(self, height: int, index: int) -> bytes:
        """The head over the leaves ``index * 2**height`` to ``(index + 1) * 2**height``.

        Raises:
            MissingTile: the subtree is not complete in this tree, or the source lacks a tile.
            MalformedTile: a tile has the wrong length.
        """
        tile, first, count = _place(height, index, self._size)
        hashes = self._hashes.get(tile)
        if hashes is None:
            hashes = self._hashes[tile] = split_hashes(self._read(tile), tile.width)
        return roll_up(hashes[first : first + count])


def tiles_for(subtrees: Iterable[tuple[int, int]], size: int) -> set[Tile]:
    """The tiles of the tree of ``size`` that hold these subtrees (height, index): to fetch them at once.

    Raises:
        MissingTile: a subtree is not complete in this tree.
    """
    return {_place(height, index, size)[0] for height, index in subtrees}


def tile_source(contents: Mapping[Tile, bytes]) -> Callable[[Tile], bytes]:
    """A source for :class:`TileTree` from tiles that were fetched before."""

    def read(tile: Tile) -> bytes:
        try:
            return contents[tile]
        except KeyError:
            raise MissingTile(tile.path) from None

    return read


def _place(height: int, index: int, size: int) -> tuple[Tile, int, int]:
    """The tile that holds a subtree, and which of its hashes: the first and how many."""
    level, above = divmod(height, TILE_HEIGHT)
    count = 1 << above
    position = index << above  # of the first hash, counted in the whole level
    tile_index, first = divmod(position, TILE_WIDTH)
    width = min(TILE_WIDTH, (size >> (TILE_HEIGHT * level)) - tile_index * TILE_WIDTH)
    tile = Tile(level, tile_index, max(width, 0))
    if first + count > width:
        raise MissingTile(tile.path)
    return tile, first, count


def _suffix(width: int) -> str:
    return "" if width == TILE_WIDTH else f".p/{width}"
