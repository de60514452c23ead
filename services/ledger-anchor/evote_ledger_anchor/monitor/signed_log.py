"""What ``evote.ledger`` says: the log that was signed, who vouched for it, and which records contradict it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from sys import intern
from typing import Final, NamedTuple

from evote_eventlog.events import (
    AnchorVerified,
    CheckpointAnchored,
    CheckpointSigned,
    CheckpointWitnessed,
    TamperingDetected,
)
from evote_eventlog.record import PoisonRecord, Record
from evote_tlog.checkpoint import Checkpoint
from evote_tlog.merkle import HASH_BYTES, Frontier

from ..domain import SOURCE_TOPICS
from .columns import ByNumber, Entries, Hashes
from .domain import NOTHING, Entry, Finding
from .notes import Notes

SOURCE: Final = "Kafka ledger/0"
SIGNED: Final = "signed by the log's key"


@dataclass(frozen=True)
class Claim:
    """That the log had this head once.

    Args:
        where: who says so.
        signature: whose signature it bears, in words.
        source: what was looked at.
    """

    size: int
    root: bytes
    where: str
    signature: str
    source: str


AnchorPlace = tuple[str, int]
"""Anchor contract and size."""


class VerifiedAnchor(NamedTuple):
    """What the log says of an anchor that was final; the fields are those of the event."""

    ledger: str
    size: int
    root: str
    block: int
    block_hash: str


@dataclass
class ProjectedRows:
    """The rows that the tables beside the log must hold, by a name of each, and their content in words."""

    size: int = 0
    """Of the log itself."""
    witnessed: ByNumber[bytes] = field(default_factory=lambda: ByNumber(Hashes()))
    """SHA-256 of the note by size."""
    announced: dict[AnchorPlace, set[tuple[str, str]]] = field(default_factory=lambda: defaultdict(set))
    """Anchors that the table may hold, where it needn't hold a verified one: transaction and block hash."""
    verified: dict[AnchorPlace, VerifiedAnchor] = field(default_factory=dict)
    """Anchors that it must hold."""
    notices: dict[str, str] = field(default_factory=dict)


class SignedLog:
    """The fold of ``evote.ledger``, record by record, in the order of their offsets.

    A record that is damaged or gone must not blind the monitor to the rest: the entries of the gap are
    taken from the projection, when they lead to the root that the next checkpoint signs.
    """

    def __init__(self, notes: Notes, served: Mapping[int, Entry], projected_to: int) -> None:
        """``served`` are the projection's entries, which it made of the records before ``projected_to``."""
        self._notes = notes
        self._served = served
        self._projected_to = projected_to
        self._damaged: int | None = None
        self._forged: dict[int, Claim] = {}
        self._frontier = Frontier()
        self.entries = Entries()
        self.note: str | None = None
        """Of the newest checkpoint that continues the log."""
        self.roots = ByNumber(Hashes())
        """Of every size of a checkpoint that continues the log."""
        self.blind = False
        """Whether the log goes on behind a gap that nothing bridges."""
        self.raised: set[str] = set()
        """The ids of the findings that are published already."""
        self.verified: list[VerifiedAnchor] = []
        self._contradictions: list[Claim] = []
        self._standing: dict[AnchorPlace, VerifiedAnchor] = {}
        """As it will be when the block that was announced last is final."""
        self._settled: dict[AnchorPlace, VerifiedAnchor] = {}
        self.rows = ProjectedRows()
        self.findings: list[Finding] = []

    @property
    def size(self) -> int:
        """How many entries the signed log has, as far as it can be read."""
        return len(self.entries)

    def take(self, record: Record | PoisonRecord) -> None:
        """The next record of the topic."""
        offset = record.position.offset
        if isinstance(record, PoisonRecord):
            self._damaged = offset
            return
        projected = offset < self._projected_to
        match record.envelope.data:
            case CheckpointSigned() as signed:
                self._checkpoint(offset, signed)
                if projected:
                    self.rows.size = self.size
            case CheckpointWitnessed() as witnessed:
                if projected:
                    self._witnessed(witnessed)
            case CheckpointAnchored() as anchored:
                self._announced(anchored, projected)
            case AnchorVerified() as verified:
                self._verified(verified, projected)
            case TamperingDetected() as tampering:
                self.raised.add(tampering.finding)
                if projected:
                    self._notice(tampering)

    @property
    def claims(self) -> list[Claim]:
        """The heads that records state which don't continue the log."""
        return [*self._contradictions, *self._forged.values()]

    def restore_tail(self, size: int, root: bytes) -> None:
        """The projection has applied a signed checkpoint that can't be read any more: take its entries from there."""
        self._explain_gap(f"the checkpoint of size {size}", NOTHING)
        self.blind = not self._fill(size, root)
        self.rows.size = self.size

    def _fill(self, size: int, root: bytes, following: Sequence[Entry] = ()) -> bool:
        """Append the projection's entries up to ``size``, if they and ``following`` lead to a root that is signed."""
        gap = [self._served.get(index) for index in range(self.size, size)]
        # Two leaves of other widths can have the hash of two that were signed.
        known = [entry for entry in gap if entry is not None and len(entry.leaf) == HASH_BYTES]
        frontier = self._frontier.copy()
        for entry in known:
            frontier.append(entry.leaf)
        reached = frontier.copy()
        for entry in following:
            reached.append(entry.leaf)
        if len(known) != len(gap) or reached.root() != root:
            return False
        self._frontier = frontier
        self._append(known)
        return True

    def _append(self, entries: Iterable[Entry]) -> None:
        for entry in entries:
            self.entries.append(entry)

    def _explain_gap(self, expected: str, found: str) -> None:
        """A checkpoint that must have been here is not: a record was damaged, or is gone."""
        if self._damaged is not None:
            where = f"{SOURCE} offset {self._damaged}"
            self.findings.append(Finding("entry-changed", where, expected, "a record that does not hold", SOURCE))
            self._forged.pop(self._damaged, None)
            self._damaged = None
        else:
            self.findings.append(Finding("entry-dropped", SOURCE, expected, found, SOURCE))

    def _checkpoint(self, offset: int, event: CheckpointSigned) -> None:
        where = f"{SOURCE} offset {offset}"
        head = Checkpoint(event.origin, event.size, bytes.fromhex(event.root))
        if self._notes.open(event.note) != head:
            self._damaged = offset
            self._forged[offset] = Claim(head.size, head.root, where, "not signed by the log's key", SOURCE)
            return
        if any(entry.topic not in SOURCE_TOPICS for entry in event.entries):
            self._damaged = offset  # the projection refuses it too
            return
        entries = [
            Entry(intern(entry.topic), entry.partition, entry.offset, bytes.fromhex(entry.leaf_hash))
            for entry in event.entries
        ]
        if head.size <= self.size:
            self._contradictions.append(Claim(head.size, head.root, where, SIGNED, SOURCE))
        elif event.previous_size < self.size:
            expected = f"a checkpoint that continues size {self.size}"
            found = f"{event.previous_size} to {event.size}, root {event.root}, {SIGNED}"
            self.findings.append(Finding("log-forked", where, expected, found, SOURCE))
        elif not self.blind:
            if event.previous_size > self.size:
                found = f"offset {offset} continues size {event.previous_size}"
                self._explain_gap(f"a checkpoint that continues size {self.size}", found)
                self.blind = not self._fill(event.previous_size, head.root, entries)
            if not self.blind:
                self._continue(event, head, entries, where)

    def _continue(self, event: CheckpointSigned, head: Checkpoint, entries: Sequence[Entry], where: str) -> None:
        frontier = self._frontier.copy()
        for entry in entries:
            frontier.append(entry.leaf)
        if (frontier.size, frontier.root()) == (head.size, head.root):
            self._frontier = frontier
            self._append(entries)
        else:
            expected, found = (f"entries that lead to root {root.hex()}" for root in (head.root, frontier.root()))
            self.findings.append(Finding("entry-changed", where, expected, found, SOURCE))
            self.blind = not self._fill(head.size, head.root)
        if not self.blind:
            self.roots.put(head.size, head.root)
            self.note = event.note
            self._damaged = None

    def _witnessed(self, event: CheckpointWitnessed) -> None:
        checkpoint = self._notes.open(event.note)
        stated = (event.origin, event.size, self.roots.get(event.size))
        if checkpoint is not None and (checkpoint.origin, checkpoint.size, checkpoint.root) == stated:
            self.rows.witnessed.put(event.size, note_hash(event.note))

    def _notice(self, event: TamperingDetected) -> None:
        text = notice_text(event.kind, event.where, event.expected, event.found, event.intact_at)
        self.rows.notices.setdefault(f"finding {event.finding}", text)

    def _announced(self, event: CheckpointAnchored, projected: bool) -> None:
        place = intern(event.ledger), event.size
        if self.roots.get(event.size) != bytes.fromhex(event.root):
            return
        if projected and place not in self.rows.verified:
            self.rows.announced[place].add((event.transaction, event.block_hash))
        if place not in self._settled:
            self._standing[place] = VerifiedAnchor(*place, event.root, event.block, event.block_hash)

    def _verified(self, event: AnchorVerified, projected: bool) -> None:
        """As the projection: of several announcements the last stands, until the block of one is final."""
        place = event.ledger, event.size
        standing = self._settled.get(place) or self._standing.get(place)
        if standing is None or (standing.root, standing.block_hash) != (event.root, event.block_hash):
            return
        verified = self._settled[place] = standing._replace(block=event.block)
        self.verified.append(verified)
        if projected:
            self.rows.verified[place] = verified
            self.rows.announced.pop(place, None)
        self._standing = {
            other: announced
            for other, announced in self._standing.items()
            if other != place and (announced.ledger != event.ledger or announced.block >= event.block)
        }


def note_hash(note: str) -> bytes:
    """SHA-256: enough of a note to compare it by."""
    return hashlib.sha256(note.encode()).digest()


def notice_text(kind: str, where: str, expected: str, found: str, intact_at: str | None) -> str:
    """A notice as one text, to compare it by."""
    return f"{kind} at {where}: expected {expected}, found {found}, intact {intact_at}"


def judge_claims(log: SignedLog, claims: Iterable[Claim]) -> list[Finding]:
    """Every head that was ever claimed must be the log's own at that size; larger ones are not judged."""
    findings = []
    frontier = Frontier()
    contested = [claim for claim in claims if log.roots.get(claim.size) != claim.root]
    for claim in sorted(contested, key=lambda claim: claim.size):
        if claim.size > log.size:
            break
        while frontier.size < claim.size:
            frontier.append(log.entries[frontier.size].leaf)
        if frontier.root() != claim.root:
            expected = f"root {frontier.root().hex()}"
            found = f"root {claim.root.hex()}, {claim.signature}"
            where = f"{claim.where}, size {claim.size}"
            findings.append(Finding("log-forked", where, expected, found, claim.source))
    return findings


def judge_end(log: SignedLog, claim: Claim) -> list[Finding]:
    """A log that ends before a head that it once had was rolled back."""
    if log.blind or claim.size <= log.size:
        return []
    expected = f"a log of size {claim.size} or more: {claim.where} has root {claim.root.hex()}, {claim.signature}"
    return [Finding("log-rolled-back", SOURCE, expected, "a log that ends before", claim.source)]
