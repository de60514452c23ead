"""receipt - archive: the ballot of the receipt is in the archive, and whether it counts there."""

from __future__ import annotations

from ..findings import Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.ballot_standing import standing_of
from ..reading.receipt import Receipt


def tie(receipt: Receipt, archive: ArchiveFile) -> Finding:
    """Look for a receipt's ballot in an archive; raises ``OSError`` and ``NotAnArchive``."""
    if receipt.election_uuid != archive.election_uuid:
        theirs = archive.election_uuid or "an unreadable one"
        reason = f"the receipt is of election {receipt.election_uuid}, the archive of {theirs}"
        return Finding(Tie.RECEIPT_ARCHIVE, Outcome.FAILS, (reason,))
    return standing_of(Tie.RECEIPT_ARCHIVE, receipt.tracker, archive)
