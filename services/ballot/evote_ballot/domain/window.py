"""When ballots are taken. The clock is the replica's; the last word has the close marker in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evote_platform.clock import parse_rfc3339

from .refusals import ClosePending, ElectionClosed, ElectionNotOpen

_RETRY_AFTER_S = 3.0
"""tally closes an election at its hour, and the markers follow, within some two seconds if nothing is down."""


@dataclass(frozen=True)
class Window:
    """RFC 3339 instants as the election's opening states them, and whether tally has closed it."""

    opens_at: str
    closes_at: str
    closed: bool


def is_open(window: Window, now: datetime) -> bool:
    """Whether ballots are taken."""
    return parse_rfc3339(window.opens_at) <= now and not _is_over(window, now)


def check_window(window: Window, now: datetime, *, is_final: bool) -> None:
    """Raise what a ballot that the log is not known to have is refused for outside the window.

    Args:
        window: when ballots are taken.
        now: the replica's clock.
        is_final: whether no further ballot of its credential can be admitted (``History.is_final``).

    Raises:
        ElectionNotOpen: before the window.
        ElectionClosed: behind it, when that is a fact about the ballot and not only about the clock.
        ClosePending: behind it otherwise. A replica may have handed the ballot to Kafka before, and its answer was
            lost: where no marker stands yet, it may be in the log unread, or come even now, and counts.
    """
    if _is_over(window, now):
        if not is_final:
            raise ClosePending(window.closes_at, _RETRY_AFTER_S)
        raise ElectionClosed(window.closes_at)
    if now < parse_rfc3339(window.opens_at):
        raise ElectionNotOpen(window.opens_at)


def _is_over(window: Window, now: datetime) -> bool:
    return window.closed or now >= parse_rfc3339(window.closes_at)
