"""Time as an argument: services take a :data:`Clock`, so that tests decide what time it is."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""The current time, with its time zone."""

_RFC3339 = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})", re.ASCII)


def utc_now() -> datetime:
    """The machine's clock, in UTC."""
    return datetime.now(UTC)


def rfc3339(moment: datetime) -> str:
    """Millisecond UTC text, such as ``2026-11-24T01:02:03.456Z``; raises ``ValueError`` without a zone."""
    if moment.tzinfo is None:
        raise ValueError("a moment needs a time zone")
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").removesuffix("+00:00") + "Z"


def parse_rfc3339(text: str) -> datetime:
    """Any RFC 3339 date-time with upper-case ``T`` and ``Z``, as UTC; digits below a microsecond are cut.

    Raises:
        ValueError: not such a text, or not a moment that exists.
    """
    if not _RFC3339.fullmatch(text):
        raise ValueError("not an RFC 3339 date-time")
    try:
        return datetime.fromisoformat(text).astimezone(UTC)
    except OverflowError as error:
        raise ValueError("a moment outside the years 1 to 9999") from error
