"""Whether the ballot of a receipt is in an archive, and counts there."""

from __future__ import annotations

import hashlib
from pathlib import Path

from evote_belenios.archive import ArchiveReader, CastBallot, EventType, open_archive
from evote_belenios.errors import ArchiveError

from .elections import credential_of, tracker_of_digest
from .findings import Finding, Outcome, Tie
from .receipt import Receipt
from .records import MalformedRecord


def tie_to_archive(receipt: Receipt, election_uuid: str | None, path: Path) -> Finding:
    """Look for a receipt's ballot in the archive of an election; raises ``OSError`` and ``NotAnArchive``."""
    if receipt.election_uuid != election_uuid:
        reason = (
            f"the receipt is of election {receipt.election_uuid}, the archive of {election_uuid or 'an unreadable one'}"
        )
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (reason,))
    try:
        return _search(receipt, path)
    except (ArchiveError, MalformedRecord) as error:
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (f"the archive is damaged: {error}",))


def _search(receipt: Receipt, path: Path) -> Finding:
    found: int | None = None
    credential, superseded_by, closed = "", "", False
    with open_archive(path) as file:
        for event in ArchiveReader(file):
            closed = closed or event.type is EventType.END_BALLOTS
            if not isinstance(event.content, CastBallot):
                continue
            text = event.content.text
            tracker = tracker_of_digest(hashlib.sha256(text.encode()).digest())
            if tracker == receipt.tracker:
                found, credential = event.index, credential_of(text)
            elif found is not None and credential_of(text) == credential:
                superseded_by = tracker
    if found is not None:
        standing = f"superseded by {superseded_by}" if superseded_by else "no later ballot takes its place"
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.HOLDS, (f"the ballot is event {found}; {standing}",))
    if closed:
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (f"the closed archive has no ballot {receipt.tracker}",))
    return Finding(
        Tie.RECEIPT_ARCHIVE,
        Outcome.NOT_CHECKED,
        ("the archive is of an earlier moment and has no such ballot: get it again",),
    )
