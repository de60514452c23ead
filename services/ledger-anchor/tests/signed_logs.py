"""Logs that are signed without Kafka, and their fold."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.envelope import Envelope
from evote_eventlog.events import CheckpointSigned, EventData, LogEntry, Topic
from evote_eventlog.record import PoisonRecord, Record, RecordPosition
from evote_ledger_anchor.domain import sign_checkpoints
from evote_ledger_anchor.monitor.domain import Entry
from evote_ledger_anchor.monitor.notes import Notes
from evote_ledger_anchor.monitor.signed_log import SignedLog
from evote_tlog.checkpoint import SigningKey
from evote_tlog.merkle import Frontier

KEY = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


def log_entry(number: int, salt: str = "") -> LogEntry:
    leaf = hashlib.sha256(f"{salt}{number}".encode()).hexdigest()
    return LogEntry(topic="ballots", partition=0, offset=number, leaf_hash=leaf)


def checkpoints(growth: Sequence[int], salt: str = "", shared: int = 0) -> list[CheckpointSigned]:
    """One for each growth; with ``salt``, of another log that shares the first entries."""
    frontier = Frontier()
    events: list[CheckpointSigned] = []
    for count in growth:
        numbers = range(frontier.size, frontier.size + count)
        entries = [log_entry(number, salt if number >= shared else "") for number in numbers]
        events += sign_checkpoints(frontier, entries, KEY)
    return events


def served_by(events: Sequence[CheckpointSigned]) -> dict[int, Entry]:
    """What the projection makes of them."""
    entries = [entry for event in events for entry in event.entries]
    return {
        index: Entry(entry.topic, entry.partition, entry.offset, bytes.fromhex(entry.leaf_hash))
        for index, entry in enumerate(entries)
    }


def fold(events: Sequence[EventData | None], served: Mapping[int, Entry] | None = None) -> SignedLog:
    """None is a record that can't be read; a record that is gone is left out."""
    log = SignedLog(Notes(KEY.verifier), served or {}, projected_to=1000)
    for offset, event in enumerate(events):
        position = RecordPosition(Topic.LEDGER, 0, offset)
        if event is None:
            log.take(PoisonRecord(position, b"", "not JSON"))
        else:
            log.take(Record(position, Envelope.wrap(event, id="1", source="test", time=MOMENT), b""))
    return log
