"""Where a ballot stands in an archive."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from evote_belenios.archive import CastBallot, EventType

from .archive_file import ArchiveFile
from .elections import credential_of, tracker_of_digest


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
