"""log - its rules: every record is a public event; ballots stand once, under their own hash, before the close."""

from __future__ import annotations

from ..findings import Finding, Outcome, Tie
from ..reading.elections import LoggedElections


def tie(elections: LoggedElections) -> Finding:
    """What :mod:`..reading.elections` found while it followed the records."""
    if elections.faults:
        return Finding(Tie.RULES, Outcome.FAILS, tuple(elections.faults))
    ballots = sum(len(election.ballots) for election in elections.by_uuid.values())
    line = f"every record is a public event; {ballots} ballots, none twice, none after the close"
    return Finding(Tie.RULES, Outcome.HOLDS, (line,))
