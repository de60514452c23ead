"""The public archive of an election, ``.bel``: a chain of events, each behind the data that it refers to.

Source: specification, "Public data". Events refer to their parent and their payload by SHA-256, so the last event's
hash stands for everything before it. What a reader yields is well chained and in the order of the protocol's phases;
whether it is true, :mod:`evote_belenios.verify` tells.
"""

from .events import (
    ArchivedEvent,
    CastBallot,
    EndBallots,
    EventType,
    OwnedDecryption,
    PublishedResult,
    PublishedTally,
    Setup,
)
from .members import NotAnArchive
from .reader import ArchiveReader, append_to, open_archive, read_ballots
from .writer import ArchiveWriter

__all__ = [
    "ArchiveReader",
    "ArchiveWriter",
    "ArchivedEvent",
    "CastBallot",
    "EndBallots",
    "EventType",
    "NotAnArchive",
    "OwnedDecryption",
    "PublishedResult",
    "PublishedTally",
    "Setup",
    "append_to",
    "open_archive",
    "read_ballots",
]
