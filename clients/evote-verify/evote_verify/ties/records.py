"""records - checkpoint: every record was read, and they hash to the root that the log's key signed; so do the tiles.

:mod:`..reading.log` reads them so, or raises ``LogBroken``.
"""

from __future__ import annotations

from ..findings import Finding, Outcome, Tie
from ..reading.log import ReadLog


def tie(log: ReadLog, place: str, origin_of_key: str) -> Finding:
    """For a log that was read whole from ``place``; ``origin_of_key`` says whose word its key is."""
    checkpoint = log.head.checkpoint
    lines = (
        f"{checkpoint.origin}, read from {place}",
        f"all {checkpoint.size} records hash to the signed root {checkpoint.root.hex()}, and so do the tiles",
        origin_of_key,
    )
    return Finding(Tie.RECORDS, Outcome.HOLDS, lines)
