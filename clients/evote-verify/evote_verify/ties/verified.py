"""prefix - verified before: what an earlier run verified stands unchanged at the beginning of archive and log."""

from __future__ import annotations

from evote_belenios.archive import EventType
from evote_belenios.errors import ArchiveError

from ..findings import Finding, Outcome, Tie
from ..reading.archive_file import ArchiveFile
from ..reading.verified import Verified, VerifiedEvents


def changed_since(earlier: VerifiedEvents, archive: ArchiveFile) -> str | None:
    """Why an archive does not begin with what was verified; None when it does. Raises ``OSError``, ``NotAnArchive``.

    Each event names the one before it and the hash of its content: the last one's hash stands for all of them.
    """
    events = ballots = 0
    try:
        for event in archive.events():
            events += 1
            ballots += event.type is EventType.BALLOT
            if events < earlier.events:
                continue
            if event.sha256 != earlier.head:
                return f"the first {events} events are not those that were verified before, up to {earlier.head}"
            if ballots != earlier.ballots:  # else the report would tell of too few that nobody verified
                return f"{earlier.ballots} ballots were verified before in {events} events, which hold {ballots}"
            return None
    except ArchiveError as error:
        return f"the archive is damaged before event {earlier.events}, up to which it was verified before: {error}"
    return f"{earlier.events} events were verified before, and now there are {events}"


def tie(earlier: Verified, place: str, *, changed: str | None, events: bool, records: bool) -> Finding:
    """What stands unchanged, and on whose word it was not looked at as closely as the rest.

    Args:
        place: of the file.
        changed: why the archive is another one.
        events, records: whether there was an archive, and a log, to compare. A log that is another one was not read.
    """
    if changed is not None:
        return Finding(Tie.VERIFIED, Outcome.FAILS, (changed, f"everything was verified anew, without {place}"))
    taken = []
    if events and earlier.archive is not None:
        taken.append(f"the proofs of the first {earlier.archive.ballots} ballots")
    if records and earlier.log is not None:
        taken.append(f"what voters signed of their order in the first {earlier.log.size} records")
    if not taken:
        return Finding(Tie.VERIFIED, Outcome.NOT_CHECKED, (f"{place} has nothing of what was given",))
    word = f"verified at {earlier.time} by {earlier.program} ({earlier.arithmetic}), as {place} says"
    lines = (f"{' and '.join(taken)}: unchanged since, and not checked again", word)
    warning = f"{' and '.join(taken)} hold on the word of {place}: without --resume nothing does"
    return Finding(Tie.VERIFIED, Outcome.HOLDS, lines, (warning,))
