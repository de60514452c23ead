"""tracker - archive: whether the ballot that a voter wrote down is in the archive, and counts there."""

from __future__ import annotations

from evote_belenios.errors import ArchiveError

from ..findings import Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.ballot_standing import find_ballot
from ..reading.records import MalformedRecord


def tie(tracker: str, archive: ArchiveFile) -> Finding:
    """Look for a tracker alone; raises ``OSError`` and ``NotAnArchive``."""
    return find(Tie.TRACKER, tracker, archive)


def find(tie: Tie, tracker: str, archive: ArchiveFile) -> Finding:
    """What the archive has of a ballot, said of a ``tie``; raises ``OSError`` and ``NotAnArchive``."""
    try:
        standing = find_ballot(tracker, archive)
    except (ArchiveError, MalformedRecord) as error:
        return Finding(tie, Outcome.FAILS, (f"the archive is damaged: {error}",))
    if standing.event is not None:
        return Finding(tie, Outcome.HOLDS, (standing.in_words,))
    if standing.closed:
        return Finding(tie, Outcome.FAILS, (f"the closed archive has no ballot {tracker}",))
    return Finding(
        tie, Outcome.NOT_CHECKED, ("the archive is of an earlier moment and has no such ballot: get it again",)
    )
