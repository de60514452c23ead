"""What a pass holds of every entry, as columns of fixed width: objects of Python would take far more.

A column reads as a sequence whose items are made when they are asked for. What doesn't fit its width is what nobody of
ours wrote: it is kept as it is, so that it is found and named like everything else.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final, Protocol, TypeVar

from evote_tlog.merkle import HASH_BYTES
from evote_tlog.tiles import TILE_WIDTH, roll_up, split_hashes

from ..domain import grow
from .domain import Entry, Numbered

V = TypeVar("V")
_NO_HASH: Final = bytes(HASH_BYTES)
_NUMBERS: Final = range(-(1 << 63), 1 << 63)


class Column(Protocol[V]):
    """Values, one behind the other."""

    def append(self, value: V, /) -> None:
        """Add a value behind the last."""

    def __getitem__(self, at: int, /) -> V: ...

    def __len__(self) -> int: ...


class Hashes:
    """A column of hashes: 32 bytes each."""

    def __init__(self) -> None:
        self.packed = bytearray()
        """One behind the other; zeros for what is no hash."""
        self._odd: dict[int, bytes] = {}

    def append(self, value: bytes, /) -> None:
        """Add a hash behind the last."""
        if len(value) != HASH_BYTES:
            self._odd[len(self)] = value
            value = _NO_HASH
        self.packed += value

    def __getitem__(self, at: int, /) -> bytes:
        if not 0 <= at < len(self):
            raise IndexError(at)
        if at in self._odd:
            return self._odd[at]
        return bytes(self.packed[at * HASH_BYTES : (at + 1) * HASH_BYTES])

    def __len__(self) -> int:
        return len(self.packed) // HASH_BYTES


class Entries:
    """A column of entries: 44 bytes each."""

    def __init__(self) -> None:
        self.leaves = Hashes()
        self._offsets = array("q")
        self._places = array("I")
        self._partitions: list[tuple[str, int]] = []
        self._numbers: dict[tuple[str, int], int] = {}
        """By partition, its place in the list before."""
        self._odd: dict[int, Entry] = {}

    def append(self, value: Entry, /) -> None:
        """Add an entry behind the last."""
        partition = value.topic, value.partition
        if partition not in self._numbers:
            self._numbers[partition] = len(self._partitions)
            self._partitions.append(partition)
        if value.offset not in _NUMBERS:
            self._odd[len(self)] = value
        self._places.append(self._numbers[partition])
        self._offsets.append(value.offset if value.offset in _NUMBERS else 0)
        self.leaves.append(value.leaf)

    def __getitem__(self, at: int, /) -> Entry:
        if at in self._odd:
            return self._odd[at]
        leaf = self.leaves[at]
        return Entry(*self._partitions[self._places[at]], self._offsets[at], leaf)

    def __len__(self) -> int:
        return len(self._offsets)

    def __iter__(self) -> Iterator[Entry]:
        return map(self.__getitem__, range(len(self)))


class Listed:
    """A column of what the log says of records: 8 bytes each, beside the log's own."""

    def __init__(self, entries: Entries) -> None:
        """``entries`` are the log's."""
        self._leaves = entries.leaves
        self._indices = array("q")

    def append(self, value: Numbered, /) -> None:
        """Add a record of the log behind the last."""
        self._indices.append(value.log_index)

    def __getitem__(self, at: int, /) -> Numbered:
        index = self._indices[at]
        return Numbered(index, self._leaves[index])

    def __len__(self) -> int:
        return len(self._indices)


class First(Sequence[V]):
    """The first few of a column, which aren't copied."""

    def __init__(self, column: Column[V], size: int) -> None:
        """``size``: how many, of those that there are."""
        self._column = column
        self._size = min(size, len(column))

    def __getitem__(self, at: Any, /) -> Any:
        return self._column[range(self._size)[at]]

    def __len__(self) -> int:
        return self._size


class Tiles(Mapping[tuple[int, int], bytes]):
    """The tiles of a log by level and index; those of the leaves are cut from the log's own column."""

    def __init__(self, entries: Entries, size: int) -> None:
        """``size``: of the tree, at most as many as there are entries."""
        self._leaves = entries.leaves.packed
        self._size = size
        full = (self[0, index] for index in range(size // TILE_WIDTH))
        above = grow(0, {}, (roll_up(split_hashes(tile, TILE_WIDTH)) for tile in full))
        self._above = {(level + 1, index): content for (level, index), content in above.items()}

    def __getitem__(self, place: tuple[int, int], /) -> bytes:
        level, index = place
        if level != 0:
            return self._above[place]
        first = index * TILE_WIDTH
        if not 0 <= first < self._size:
            raise KeyError(place)
        return bytes(self._leaves[first * HASH_BYTES : min(first + TILE_WIDTH, self._size) * HASH_BYTES])

    def __iter__(self) -> Iterator[tuple[int, int]]:
        yield from ((0, index) for index in range(-(-self._size // TILE_WIDTH)))
        yield from self._above

    def __len__(self) -> int:
        return -(-self._size // TILE_WIDTH) + len(self._above)


class ByNumber(Mapping[int, V]):
    """A column by ascending numbers, 8 bytes each, such as offsets; iteration ascends.

    Kafka and the tables' queries give ascending numbers; what comes in another order is kept beside the column.
    """

    def __init__(self, column: Column[V]) -> None:
        """``column`` is filled by :meth:`put` alone."""
        self._numbers = array("q")
        self._column = column
        self._late: dict[int, V] = {}

    def put(self, number: int, value: V) -> None:
        """Set what stands at a number."""
        if number in _NUMBERS and (not self._numbers or number > self._numbers[-1]):
            self._numbers.append(number)
            self._column.append(value)
        else:
            self._late[number] = value

    def __getitem__(self, number: int, /) -> V:
        if number in self._late:
            return self._late[number]
        at = bisect_left(self._numbers, number)
        if at == len(self._numbers) or self._numbers[at] != number:
            raise KeyError(number)
        return self._column[at]

    def __iter__(self) -> Iterator[int]:
        return iter(sorted({*self._numbers, *self._late})) if self._late else iter(self._numbers)

    def __len__(self) -> int:
        return len({*self._numbers, *self._late}) if self._late else len(self._numbers)
