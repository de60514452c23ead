"""log - its rules: every record is a public event; ballots stand once, before the close, as their voters signed."""

from __future__ import annotations

from ..findings import ASK_AGAIN, Finding, Outcome, Tie
from ..reading.elections import LoggedElections


def tie(elections: LoggedElections) -> Finding:
    """What :mod:`..reading.elections` found while it followed the records."""
    if elections.faults:
        return Finding(Tie.RULES, Outcome.FAILS, tuple(elections.faults))
    ballots = sum(len(election.ballots) for election in elections.by_uuid.values())
    if elections.withheld:
        shown = f"{len(elections.withheld)} records are not public yet; the others break no rule"
        return Finding(Tie.RULES, Outcome.NOT_CHECKED, (shown, ASK_AGAIN))
    lines = (
        f"every record is a public event; {ballots} ballots, none twice, none after the close",
        "each voter's ballots stand in the order that the voter signed",
    )
    return Finding(Tie.RULES, Outcome.HOLDS, lines)
