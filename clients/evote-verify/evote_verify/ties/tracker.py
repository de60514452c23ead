"""tracker - archive: whether the ballot that a voter wrote down is in the archive, and counts there."""

from __future__ import annotations

from ..findings import Finding, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.ballot_standing import standing_of


def tie(tracker: str, archive: ArchiveFile) -> Finding:
    """Look for a tracker alone; raises ``OSError`` and ``NotAnArchive``."""
    return standing_of(Tie.TRACKER, tracker, archive)
