"""records - checkpoint: every record was read, and they hash to the root that the log's key signed; so do the tiles.

Of a ballot whose election is open the public sees the hash alone. Once no election is open, nothing may be withheld.

:mod:`..reading.log` reads them so, or raises ``LogBroken``.
"""

from __future__ import annotations

from ..findings import Finding, Outcome, Tie
from ..reading.log import ReadLog
from ..reading.trust import LogTrust


def tie(log: ReadLog, place: str, trust: LogTrust) -> Finding:
    """For a log that was read whole from ``place``; ``trust`` says whose word its key is."""
    checkpoint, withheld = log.head.checkpoint, len(log.elections.withheld)
    if withheld and not log.elections.voting:
        reason = f"{withheld} records are not shown, and no election is open: from {log.elections.withheld[0]} on"
        return Finding(Tie.RECORDS, Outcome.FAILS, (reason,))
    lines = (
        f"{checkpoint.origin}, read from {place}",
        f"all {checkpoint.size} records hash to the signed root {checkpoint.root.hex()}, and so do the tiles",
        trust.origin_of_key,
        *([f"{withheld} of them by their hashes alone: ballots are not public before the close"] if withheld else ()),
    )
    return Finding(Tie.RECORDS, Outcome.HOLDS, lines, trust.warnings)
