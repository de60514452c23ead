"""Comparing what was signed with what is held, and naming the difference: no I/O, no clock."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile, zip_longest
from typing import Final, NamedTuple, TypeVar

from evote_eventlog.events import TamperingKind
from evote_tlog.merkle import HASH_BYTES
from evote_tlog.tiles import index_path

NOTHING: Final = "nothing"
"""What ``expected`` and ``found`` say of something that is not there."""

Place = tuple[str, int, int]
"""Topic, partition and offset of a record."""

K = TypeVar("K")
V = TypeVar("V")
_MAX_TEXT = 500  # of the event's fields


@dataclass(frozen=True)
class Finding:
    """Something that is not what it was.

    Args:
        kind: one of the event's kinds.
        where: the place, in words that stay the same from pass to pass.
        expected: what stood there, or was signed for it.
        found: what stands there now.
        source: what was looked at, such as ``Kafka ballots/2``: it has one time of last being intact.
    """

    kind: TamperingKind
    where: str
    expected: str
    found: str
    source: str

    def __post_init__(self) -> None:
        for name in ("where", "expected", "found"):
            object.__setattr__(self, name, getattr(self, name)[:_MAX_TEXT])

    @property
    def id(self) -> str:
        """SHA-256, in hexadecimal, of the JSON array of kind, where, expected and found: raised once."""
        facts = json.dumps([self.kind, self.where, self.expected, self.found], ensure_ascii=False)
        return hashlib.sha256(facts.encode()).hexdigest()


class Entry(NamedTuple):
    """An entry of the log: where its record stands in Kafka, and its leaf hash."""

    topic: str
    partition: int
    offset: int
    leaf: bytes

    @property
    def place(self) -> Place:
        """Where the record stands."""
        return self.topic, self.partition, self.offset

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition} offset {self.offset}, leaf {self.leaf.hex()}"


class Numbered(NamedTuple):
    """What a record should be: its index in the log, and its leaf hash."""

    log_index: int
    leaf: bytes


def compare_entries(signed: Sequence[Entry], held: Mapping[int, Entry], source: str) -> list[Finding]:
    """Compare the signed order with rows that are numbered by log index.

    A row that is gone is ``entry-dropped``, one with another content ``entry-changed``, and rows that
    stand in another order ``entries-reordered``. Neighbours that are dropped, or moved, are one finding at
    the first of them: a table that is cut off grows its gap with the log, and is still one finding.
    """
    wrong = [index for index, entry in enumerate(signed) if held.get(index) != entry]
    extra = sorted(index for index in held if not 0 <= index < len(signed))
    if not wrong and not extra:
        return []
    index_of = {entry.place: index for index, entry in enumerate(signed)}
    held_at = {entry.place: index for index, entry in held.items()}
    differences: list[tuple[int, Finding]] = []
    moved: list[tuple[int, Finding]] = []
    for index in wrong:
        wanted, there, at = signed[index], held.get(index), held_at.get(signed[index].place)
        if at is not None and at != index and at < len(signed) and held[at] == signed[at]:
            at = None  # the log lists the record twice, and the row is the other listing's
        if at is not None and held[at].leaf != wanted.leaf:
            differences.append((index, _entry("entry-changed", source, index, wanted, held[at])))
        elif at is not None:
            moved.append((index, _entry("entries-reordered", source, index, wanted, there)))
        elif there is not None and there.place not in index_of:
            differences.append((index, _entry("entry-changed", source, index, wanted, there)))
        else:
            differences.append((index, _entry("entry-dropped", source, index, wanted, None)))
    for index in extra:
        if held[index].place not in index_of:
            differences.append((index, _entry("entry-changed", source, index, None, held[index])))
    # Rows that merely moved up into a gap are the gap's doing.
    if not differences or _out_of_order(index_of, held):
        differences += moved
    return _first_of_runs(differences)


def check_order(signed: Iterable[Entry], source: str) -> list[Finding]:
    """Each record is in the log once, and those of a partition in their order: the sequencing rules say so."""
    findings = []
    newest: dict[tuple[str, int], int] = {}
    for index, entry in enumerate(signed):
        before = newest.get(entry.place[:2], -1)
        if entry.offset > before:
            newest[entry.place[:2]] = entry.offset
        else:
            expected = f"a record of {entry.topic}/{entry.partition} behind offset {before}"
            findings.append(Finding("entries-reordered", f"log index {index}", expected, str(entry), source))
    return findings


def compare_records(
    wanted: Mapping[int, Numbered], held: Mapping[int, bytes], source: str, before: int
) -> list[Finding]:
    """Compare the leaves of one partition's records, by offset, with those that were signed.

    Args:
        wanted: those that are in the log; its offsets ascend.
        held: may have more than is wanted, since not every record is in the log.
        source: how findings name the partition.
        before: what stands at this offset, or behind it, isn't judged.
    """
    expected = takewhile(lambda offset: offset < before, wanted)
    wrong = [(at, offset) for at, offset in enumerate(expected) if held.get(offset) != wanted[offset].leaf]
    if not wrong:
        return []
    offset_of = {leaf: offset for offset, leaf in held.items()}
    signed_leaves = {wanted[offset].leaf for offset in wanted if offset < before}
    differences = []
    for at, offset in wrong:
        index, leaf = wanted[offset]
        there, moved_to = held.get(offset), offset_of.get(leaf)
        found = NOTHING if there is None else f"leaf {there.hex()}"
        if moved_to is not None:
            kind: TamperingKind = "entries-reordered"
            found = f"{found}; that leaf is at offset {moved_to}"
        else:
            kind = "entry-dropped" if there is None or there in signed_leaves else "entry-changed"
        where = f"{source} offset {offset} (log index {index})"
        differences.append((at, Finding(kind, where, f"leaf {leaf.hex()}", found, source)))
    return _first_of_runs(differences)


def compare_rows(wanted: Mapping[str, str], held: Mapping[str, str], source: str) -> list[Finding]:
    """Compare the rows of a table, by a name of each, with what the log says that they hold."""
    findings = []
    for name in sorted(differing(wanted, held)):
        kind: TamperingKind = "entry-changed" if name in held else "entry-dropped"
        expected, found = wanted.get(name, NOTHING), held.get(name, NOTHING)
        findings.append(Finding(kind, f"{source}, {name}", expected, found, source))
    return findings


def differing(wanted: Mapping[K, V], held: Mapping[K, V]) -> Iterator[K]:
    """The keys of what one of two has and the other hasn't, or has otherwise."""
    yield from (key for key in wanted if key not in held or wanted[key] != held[key])
    yield from (key for key in held if key not in wanted)


def compare_tiles(
    wanted: Mapping[tuple[int, int], bytes], held: Mapping[tuple[int, int], bytes], source: str
) -> list[Finding]:
    """Compare tiles, by level and index, with those that follow from the leaves: the first hash that differs."""
    findings = []
    for level, index in sorted(wanted.keys() | held.keys()):
        right, there = wanted.get((level, index), b""), held.get((level, index), b"")
        if right != there:
            pairs = zip_longest(_hashes(right), _hashes(there), fillvalue=NOTHING)
            position, expected, found = next((at, *pair) for at, pair in enumerate(pairs) if pair[0] != pair[1])
            kind: TamperingKind = "entry-dropped" if found == NOTHING else "entry-changed"
            where = f"{source}, tile/{level}/{index_path(index)} hash {position}"
            findings.append(Finding(kind, where, expected, found, source))
    return findings


def _hashes(tile: bytes) -> list[str]:
    return [tile[at : at + HASH_BYTES].hex() for at in range(0, len(tile), HASH_BYTES)]


def _entry(kind: TamperingKind, source: str, index: int, wanted: Entry | None, there: Entry | None) -> Finding:
    expected, found = (NOTHING if entry is None else str(entry) for entry in (wanted, there))
    return Finding(kind, f"{source}, log index {index}", expected, found, source)


def _out_of_order(index_of: Mapping[Place, int], held: Mapping[int, Entry]) -> bool:
    """Whether the rows that are left of the signed ones stand in another order than the signed one."""
    order = [index_of[held[index].place] for index in sorted(held) if held[index].place in index_of]
    return any(first > second for first, second in pairwise(order))


def _first_of_runs(differences: Iterable[tuple[int, Finding]]) -> list[Finding]:
    """One finding for neighbours that are all gone or all moved; a change is a fact of its own, each time."""
    first: list[Finding] = []
    last: tuple[int, str] | None = None
    for at, finding in sorted(differences, key=lambda difference: difference[0]):
        if finding.kind == "entry-changed" or last != (at - 1, finding.kind):
            first.append(finding)
        last = at, finding.kind
    return first
