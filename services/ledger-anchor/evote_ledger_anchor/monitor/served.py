"""The tables against the signed log: what is served must be what was signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import chain
from typing import Final

from .columns import ByNumber, First, Listed, Tiles
from .domain import Entry, Finding, Numbered, compare_entries, compare_records, compare_rows, compare_tiles, differing
from .signed_log import SIGNED, Claim, SignedLog, judge_claims
from .tables import PartitionName, ServedLog, StandingAnchor

ENTRIES: Final = "PostgreSQL ledger.entries"
RECORDS: Final = "PostgreSQL ledger.records"
TILES: Final = "PostgreSQL ledger.tiles"
CHECKPOINTS: Final = "PostgreSQL ledger.checkpoints"
WITNESSED: Final = "PostgreSQL ledger.witnessed"
ANCHORS: Final = "PostgreSQL ledger.anchors"
NOTICES: Final = "PostgreSQL ledger.notices"
TABLES: Final = frozenset({ENTRIES, TILES, CHECKPOINTS, WITNESSED, ANCHORS, NOTICES})
"""Beside those of the records, which are named with their partition."""

_UNSIGNED = "a note that the log's key did not sign for this size and root"


@dataclass(frozen=True)
class Comparable:
    """How far the two can be compared: up to ``size``; rows that Kafka does not explain are judged if ``whole``.

    Kafka's log can be shorter than the tables, or lack records: then its own findings say so, and the
    rows that it no longer explains are no tampering of the tables.
    """

    size: int
    whole: bool


def wanted_records(log: SignedLog) -> dict[PartitionName, ByNumber[Numbered]]:
    """What the log says of each partition's records, by offset."""
    wanted: dict[PartitionName, ByNumber[Numbered]] = defaultdict(lambda: ByNumber(Listed(log.entries)))
    for index, entry in enumerate(log.entries):
        wanted[entry.topic, entry.partition].put(entry.offset, Numbered(index, entry.leaf))
    return wanted


def compare_tables(
    log: SignedLog, served: ServedLog, wanted: Mapping[PartitionName, Mapping[int, Numbered]], comparable: Comparable
) -> list[Finding]:
    """Every difference between the tables and what the log says that they hold."""
    size, whole = comparable.size, comparable.whole
    entries: Mapping[int, Entry] = served.entries
    tiles, wanted_tiles = served.tiles, Tiles(log.entries, size)
    if not whole:
        entries = {index: entry for index, entry in entries.items() if index < size}
        tiles = {place: tiles[place][: len(content)] for place, content in wanted_tiles.items() if place in tiles}
    return [
        *compare_entries(First(log.entries, size), entries, ENTRIES),
        *compare_tiles(wanted_tiles, tiles, TILES),
        *_records(served, wanted),
        *_checkpoints(log, served, size),
        *_witnessed(log, served, whole),
        *_anchors(log, served, whole),
        *compare_rows(log.rows.notices, _known(served.notices, log.rows.notices, whole), NOTICES),
    ]


def _known(held: Mapping[str, str], wanted: Mapping[str, str], whole: bool) -> Mapping[str, str]:
    return held if whole else {name: text for name, text in held.items() if name in wanted}


def _records(served: ServedLog, wanted: Mapping[PartitionName, Mapping[int, Numbered]]) -> list[Finding]:
    findings = []
    for name, records in wanted.items():
        projected_to = served.projected_to.get(name, 0)  # what isn't projected yet is on its way
        held: Mapping[int, bytes] = served.records.get(name, {})
        source = f"{RECORDS} {name[0]}/{name[1]}"
        findings += compare_records(records, held, source, projected_to)
        for offset in served.mislabelled.get(name, ()):
            if offset < projected_to and offset in records and held[offset] == records[offset].leaf:
                where = f"{source} offset {offset} (log index {records[offset].log_index})"
                findings.append(Finding("entry-changed", where, "the labels of its record", "other labels", source))
    return findings


def _checkpoints(log: SignedLog, served: ServedLog, size: int) -> list[Finding]:
    """Rows that Kafka has no checkpoint for are claims: what bridges a gap in Kafka has some."""
    roots, held = log.roots, served.checkpoints
    wrong = {at for at in differing(roots, held) if at in roots and at <= size}
    wanted = {f"size {at}": _signed(roots[at]) for at in wrong}
    known = {f"size {at}": _signed(held[at]) for at in wrong if at in held}
    known |= {f"size {at}": _UNSIGNED for at in served.unsigned}
    signed = ((at, held[at]) for at in differing(held, roots) if at in held)
    heads = chain(signed, ((head.size, head.root) for head in served.signed_elsewhere))
    claims = (Claim(*head, CHECKPOINTS, SIGNED, CHECKPOINTS) for head in heads)
    return [*compare_rows(wanted, known, CHECKPOINTS), *judge_claims(log, claims)]


def _witnessed(log: SignedLog, served: ServedLog, whole: bool) -> list[Finding]:
    wanted, held = log.rows.witnessed, served.witnessed
    wrong = [at for at in differing(wanted, held) if whole or at in wanted]
    said, served_notes = ({f"size {at}": _note_text(rows[at]) for at in wrong if at in rows} for rows in (wanted, held))
    return compare_rows(said, served_notes, WITNESSED)


def _note_text(sha256: bytes) -> str:
    return f"a note with the SHA-256 {sha256.hex()}"


def _signed(root: bytes) -> str:
    return f"root {root.hex()}, {SIGNED}"


def _anchors(log: SignedLog, served: ServedLog, whole: bool) -> list[Finding]:
    """Which of several announcements stands is the projection's business; that each was made is not."""
    announced = log.rows.announced
    wanted = {place: StandingAnchor(anchor, None) for place, anchor in log.rows.verified.items()}
    unexplained = {
        place: row
        for place, row in served.anchors.items()
        if place in wanted or (whole and row.announcement not in announced.get(place, ()))
    }
    wrong = list(differing(wanted, unexplained))
    said, held = (
        {
            f"{contract} size {size}": _anchor_text(rows[contract, size])
            for contract, size in wrong
            if (contract, size) in rows
        }
        for rows in (wanted, unexplained)
    )
    return compare_rows(said, held, ANCHORS)


def _anchor_text(row: StandingAnchor) -> str:
    anchor, state = row.anchor, "verified" if row.announcement is None else "not verified"
    return f"root {anchor.root} in block {anchor.block} ({anchor.block_hash}), {state}"
