"""receipt - archive: the ballot of the receipt is in the archive, and whether it counts there."""

from __future__ import annotations

import hashlib

from evote_belenios.archive import CastBallot, EventType
from evote_belenios.errors import ArchiveError

from ..findings import Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.elections import credential_of, tracker_of_digest
from ..reading.receipt import Receipt
from ..reading.records import MalformedRecord


def tie(receipt: Receipt, archive: ArchiveFile) -> Finding:
    """Look for a receipt's ballot in an archive; raises ``OSError`` and ``NotAnArchive``."""
    if receipt.election_uuid != archive.election_uuid:
        theirs = archive.election_uuid or "an unreadable one"
        reason = f"the receipt is of election {receipt.election_uuid}, the archive of {theirs}"
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (reason,))
    try:
        return _search(receipt, archive)
    except (ArchiveError, MalformedRecord) as error:
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (f"the archive is damaged: {error}",))


def _search(receipt: Receipt, archive: ArchiveFile) -> Finding:
    found: int | None = None
    credential, superseded_by, closed = "", "", False
    for event in archive.events():
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
