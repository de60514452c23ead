"""How long a card waits after failed attempts: longer each time, never for good.

Which failures count: only those of a card whose user-authentication key has signed this attempt's challenge, under
that certificate. Whoever merely knows somebody's certificate can't make such a signature, and a challenge is good for
one attempt, so nobody can slow down another's card; who can has the card and its PIN, and the card itself counts wrong
PINs. Failures before that signature are bounded by address. Waiting for an officer, and whatever is the platform's own
fault, is no failure. The count stands in PostgreSQL, so that going to another replica doesn't help.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

FREE_FAILURES = 5
"""So many may follow each other without a wait."""
FORGOTTEN_AFTER = timedelta(hours=1)
"""Failures are forgotten when the last one is this old."""
_FIRST_WAIT = timedelta(seconds=30)
_LONGEST_WAIT = timedelta(minutes=15)


@dataclass(frozen=True)
class Failures:
    """Failed attempts of one certificate since its last success."""

    count: int
    last_at: datetime


def wait_after(failures: Failures, now: datetime) -> timedelta:
    """How long the certificate still has to wait; zero when it may try.

    30 seconds after the fifth failure, doubling with each further one, up to 15 minutes.
    """
    since = now - failures.last_at
    if failures.count < FREE_FAILURES or since >= FORGOTTEN_AFTER:
        return timedelta(0)
    doublings = min(failures.count - FREE_FAILURES, 10)
    return max(timedelta(0), min(_LONGEST_WAIT, _FIRST_WAIT * (1 << doublings)) - since)
