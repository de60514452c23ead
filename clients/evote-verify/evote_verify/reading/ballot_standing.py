"""Where a ballot stands in an archive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evote_belenios.archive import CastBallot, EventType
from evote_belenios.errors import ArchiveError

from ..findings import Finding, Outcome, Tie
from .archive_file import ArchiveFile
from .elections import credential_of, tracker_of_digest
from .records import MalformedRecord


def standing_of(tie: Tie, tracker: str, archive: ArchiveFile) -> Finding:
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


@dataclass(frozen=True)
class BallotStanding:
    """What an archive has of a tracker."""

    event: int | None
    """The ballot's event; None when it isn't there."""
    superseded_by: str
    """The tracker of the credential's last ballot, where that is another one."""
    closed: bool
    """Whether no ballot can come any more."""

    @property
    def in_words(self) -> str:
        """Of a ballot that is there."""
        standing = f"superseded by {self.superseded_by}" if self.superseded_by else "no later ballot takes its place"
        return f"the ballot is event {self.event}; {standing}"


def find_ballot(tracker: str, archive: ArchiveFile) -> BallotStanding:
    """Look through the archive's ballots; raises ``ArchiveError``, ``MalformedRecord``, ``OSError``."""
    found: int | None = None
    credential, superseded_by, closed = "", "", False
    for event in archive.events():
        closed = closed or event.type is EventType.END_BALLOTS
        if not isinstance(event.content, CastBallot):
            continue
        text = event.content.text
        its_tracker = tracker_of_digest(hashlib.sha256(text.encode()).digest())
        if its_tracker == tracker:
            found, credential, superseded_by = event.index, credential_of(text), ""
        elif found is not None and credential_of(text) == credential:
            superseded_by = its_tracker
    return BallotStanding(found, superseded_by, closed)
