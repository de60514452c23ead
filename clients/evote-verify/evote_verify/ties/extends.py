"""archive - earlier archive: the archive begins with all that an earlier one of the same election held.

As Belenios' ``verify-diff``: the earlier archive's own chain holds, and its events are the first ones of this archive.
Each event names the one before it, so that an earlier head alone shows the same. Everything else of this archive is the
tie *archive*.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import zip_longest

from evote_belenios.archive import ArchivedEvent
from evote_belenios.errors import ArchiveError

from ..findings import Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile


def tie_head(head: str, archive: ArchiveFile) -> Finding:
    """An earlier head, as a report says it; raises ``OSError`` and ``NotAnArchive``."""
    at, events = None, 0
    try:
        for event in archive.events():
            events += 1
            at = event.index if event.sha256 == head else at
    except ArchiveError as error:
        return _fails(f"the archive is damaged: {error}")
    if at is None:
        return _fails(f"no event of the archive is the head that was given ({head})")
    return _holds(at + 1, events)


def tie_archive(earlier: ArchiveFile, archive: ArchiveFile) -> Finding:
    """An earlier archive; raises ``OSError`` and ``NotAnArchive``."""
    before = after = 0
    differs: int | None = None
    for old, new in zip_longest(_events(earlier), _events(archive)):
        if isinstance(old, ArchiveError):
            return _fails(f"the earlier archive is damaged: {old}")
        if isinstance(new, ArchiveError):
            return _fails(f"the archive is damaged: {new}")
        before += old is not None
        after += new is not None
        if differs is None and old is not None and (new is None or old.sha256 != new.sha256):
            differs = old.index
    if before == 0:
        return _fails("the earlier archive holds no event")
    if differs is not None:
        return _fails(f"the earlier archive has an event {differs} that this one has not")
    return _holds(before, after)


def _events(archive: ArchiveFile) -> Iterator[ArchivedEvent | ArchiveError]:
    """Up to the first damage, which is the last that is given."""
    try:
        yield from archive.events()
    except ArchiveError as error:
        yield error


def _holds(before: int, after: int) -> Finding:
    return Finding(
        Tie.EXTENDS, Outcome.HOLDS, (f"the first {before} events are the earlier ones; {after - before} came since",)
    )


def _fails(reason: str) -> Finding:
    return Finding(Tie.EXTENDS, Outcome.FAILS, (reason,))
