"""When ballots are taken. The clock is the replica's; the last word has the close marker in the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from evote_platform.clock import parse_rfc3339

from .refusals import ElectionClosed, ElectionNotOpen


@dataclass(frozen=True)
class Window:
    """RFC 3339 instants as the election's opening states them, and whether tally has closed it."""

    opens_at: str
    closes_at: str
    closed: bool


def is_open(window: Window, now: datetime) -> bool:
    """Whether ballots are taken."""
    try:
        check_window(window, now)
    except (ElectionClosed, ElectionNotOpen):
        return False
    return True


def check_window(window: Window, now: datetime) -> None:
    """Raise ``ElectionNotOpen`` or ``ElectionClosed`` outside the window."""
    if window.closed or now >= parse_rfc3339(window.closes_at):
        raise ElectionClosed(window.closes_at)
    if now < parse_rfc3339(window.opens_at):
        raise ElectionNotOpen(window.opens_at)
