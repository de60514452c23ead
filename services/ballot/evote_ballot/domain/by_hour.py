"""The turnout over time, in groups that are too large to point at a person."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final

SMALLEST_GROUP: Final = 10
"""Voters: who knows when a neighbour was at the computer learns nothing from a group of so many."""
_HOUR: Final = timedelta(hours=1)


@dataclass(frozen=True)
class VotersUntil:
    """How many voters had voted by a full hour."""

    until: datetime
    voters: int


def by_hour(came: Mapping[datetime, int], now: datetime) -> tuple[VotersUntil, ...]:
    """A row for each hour that has ended, merged where fewer than :data:`SMALLEST_GROUP` came since the row before.

    Args:
        came: how many voters voted for the first time in each hour, by its beginning.
        now: an hour that is not over is not told.
    """
    rows: list[VotersUntil] = []
    told = total = 0
    ended = [hour for hour in sorted(came) if hour + _HOUR <= now]
    for hour in ended:
        total += came[hour]
        if total - told >= SMALLEST_GROUP:
            rows.append(VotersUntil(hour + _HOUR, total))
            told = total
    if rows:
        # Too few for a row of their own: the last one reaches up to them.
        rows[-1] = VotersUntil(ended[-1] + _HOUR, total)
    return tuple(rows)
