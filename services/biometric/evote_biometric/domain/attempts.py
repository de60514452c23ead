"""How often a face may be tried: a few times for each order, then with waits, and never locked out for good.

An attempt counts when it begins, so that nobody can look for a convenient sequence of actions by asking again. Only
who holds an order of auth, and so has the voter's other factor, can use up somebody's attempts; the voter still has the
card and the counter.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

ATTEMPTS_PER_ORDER = 3
PHOTOS_PER_ORDER = 10
"""How many photos may be tried for one order to enrol."""
FREE_ATTEMPTS = 6
"""So many may follow each other without success and without a wait."""
FORGOTTEN_AFTER = timedelta(hours=24)
_FIRST_WAIT = timedelta(minutes=1)
_LONGEST_WAIT = timedelta(hours=1)


@dataclass(frozen=True)
class Attempts:
    """Attempts of one voter since the last success."""

    count: int
    last_at: datetime


def wait_after(attempts: Attempts, now: datetime) -> timedelta:
    """How long the voter still has to wait: a minute after the sixth attempt, doubling up to an hour."""
    since = now - attempts.last_at
    if attempts.count < FREE_ATTEMPTS or since >= FORGOTTEN_AFTER:
        return timedelta(0)
    doublings = min(attempts.count - FREE_ATTEMPTS, 10)
    return max(timedelta(0), min(_LONGEST_WAIT, _FIRST_WAIT * (1 << doublings)) - since)
