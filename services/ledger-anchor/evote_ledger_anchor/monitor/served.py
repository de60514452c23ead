"""The tables against the signed log: what is served must be what was signed."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from ..domain import grow
from ..store import StoredAnchor
from .domain import Finding, Numbered, compare_entries, compare_records, compare_rows, compare_tiles
from .signed_log import SIGNED, Claim, SignedLog, judge_claims
from .tables import PartitionName, ServedLog

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


def wanted_records(log: SignedLog) -> dict[PartitionName, dict[int, Numbered]]:
    """What the log says of each partition's records, by offset."""
    wanted: dict[PartitionName, dict[int, Numbered]] = defaultdict(dict)
    for index, entry in enumerate(log.entries):
        wanted[entry.topic, entry.partition][entry.offset] = Numbered(index, entry.leaf)
    return wanted


def compare_tables(
    log: SignedLog, served: ServedLog, wanted: Mapping[PartitionName, Mapping[int, Numbered]], comparable: Comparable
) -> list[Finding]:
    """Every difference between the tables and what the log says that they hold."""
    size, whole = comparable.size, comparable.whole
    entries, tiles = served.entries, served.tiles
    leaves = [entry.leaf for entry in log.entries[:size]]
    wanted_tiles = grow(0, {}, leaves)
    if not whole:
        entries = {index: entry for index, entry in entries.items() if index < size}
        tiles = {place: tiles[place][: len(content)] for place, content in wanted_tiles.items() if place in tiles}
    return [
        *compare_entries(log.entries[:size], entries, ENTRIES),
        *compare_tiles(wanted_tiles, tiles, TILES),
        *_records(served, wanted),
        *_checkpoints(log, served, size),
        *compare_rows(log.rows.witnessed, _known(served.witnessed, log.rows.witnessed, whole), WITNESSED),
        *_anchors(log, served, whole),
        *compare_rows(log.rows.notices, _known(served.notices, log.rows.notices, whole), NOTICES),
    ]


def _known(held: Mapping[str, str], wanted: Mapping[str, str], whole: bool) -> Mapping[str, str]:
    return held if whole else {name: text for name, text in held.items() if name in wanted}


def _records(served: ServedLog, wanted: Mapping[PartitionName, Mapping[int, Numbered]]) -> list[Finding]:
    findings = []
    for name, records in wanted.items():
        # What is not projected yet is on its way.
        projected = {at: record for at, record in records.items() if at < served.projected_to.get(name, 0)}
        held = served.records.get(name, {})
        source = f"{RECORDS} {name[0]}/{name[1]}"
        findings += compare_records(projected, held, source)
        for offset in served.mislabelled.get(name, ()):
            if offset in projected and held[offset] == projected[offset].leaf:
                where = f"{source} offset {offset} (log index {projected[offset].log_index})"
                findings.append(Finding("entry-changed", where, "the labels of its record", "other labels", source))
    return findings


def _checkpoints(log: SignedLog, served: ServedLog, size: int) -> list[Finding]:
    """Rows that Kafka has no checkpoint for are claims: what bridges a gap in Kafka has some."""
    wanted = {f"size {at}": _signed(root) for at, root in log.roots.items() if at <= size}
    held = {f"size {at}": _signed(root) for at, root in served.checkpoints.items()}
    known = {name: text for name, text in held.items() if name in wanted}
    known |= {f"size {at}": _UNSIGNED for at in served.unsigned}
    claims = [Claim(at, root, CHECKPOINTS, SIGNED, CHECKPOINTS) for at, root in served.checkpoints.items()]
    claims += [Claim(head.size, head.root, CHECKPOINTS, SIGNED, CHECKPOINTS) for head in served.signed_elsewhere]
    return [*compare_rows(wanted, known, CHECKPOINTS), *judge_claims(log, claims)]


def _signed(root: bytes) -> str:
    return f"root {root.hex()}, {SIGNED}"


def _anchors(log: SignedLog, served: ServedLog, whole: bool) -> list[Finding]:
    """Which of several announcements stands is the projection's business; that each was made is not."""
    rows = {(row.ledger, row.size): row for row in served.anchors}
    wanted = {
        f"{contract} size {size}": f"root {event.root} in block {event.block} ({event.block_hash}), verified"
        for (contract, size), event in log.rows.verified.items()
    }
    held = {f"{contract} size {size}": _row_text(row) for (contract, size), row in rows.items()}
    announced = {
        f"{row.ledger} size {row.size}"
        for row in served.anchors
        if not row.verified and (row.ledger, row.size, row.transaction, row.block_hash) in log.rows.announced
    }
    unexplained = {name: text for name, text in held.items() if name in wanted or (whole and name not in announced)}
    return compare_rows(wanted, unexplained, ANCHORS)


def _row_text(row: StoredAnchor) -> str:
    state = "verified" if row.verified else "not verified"
    return f"root {row.root.hex()} in block {row.block} ({row.block_hash}), {state}"
