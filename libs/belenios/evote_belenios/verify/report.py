"""What verifying an archive found."""

from __future__ import annotations

from dataclasses import dataclass

from ..archive import EventType
from ..election import Election
from ..errors import ArchiveError
from ..trustees import Trustees


@dataclass(frozen=True)
class VerificationReport:
    """An archive is right as far as it goes when there are no ``failures``."""

    stage: EventType | None
    """The last event that was read: how far the election has come."""
    head: str | None
    """SHA-256 of that event: a later archive of the same election has it in its chain."""
    events: int
    election: Election | None
    trustees: Trustees | None
    voters: int
    """Public credentials on the list."""
    credentials_sha256: str | None
    """Of the list of public credentials, as the archive has it."""
    ballots: int
    """Valid ballots, superseded ones included."""
    counted: int
    """Credentials with a valid ballot: the last one counts."""
    decrypted_by: tuple[int, ...]
    """The trustees with a valid partial decryption."""
    result: tuple[tuple[int, ...], ...] | None
    """Counts for each question and choice, the blank vote first where it is allowed."""
    failures: tuple[ArchiveError, ...]
    """All of them, in the order of the events."""
    warnings: tuple[str, ...]
    """What holds, and what an auditor should look at all the same."""

    @property
    def superseded(self) -> int:
        """Ballots that a later one of the same credential replaced."""
        return self.ballots - self.counted
