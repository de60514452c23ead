"""Time comes in as an argument, so that tests are exact; on the wire it is RFC 3339 in UTC."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]
"""Gives the present as an aware datetime in UTC."""


def utc_now() -> datetime:
    """The system's clock."""
    return datetime.now(UTC)


def rfc3339(instant: datetime) -> str:
    """An aware instant with milliseconds, such as ``2026-11-24T01:02:03.456Z`` (RFC 3339)."""
    return instant.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.") + f"{instant.microsecond // 1000:03d}Z"


def parse_rfc3339(text: str) -> datetime:
    """An instant of any offset, in UTC; ``ValueError`` for other texts and for times without an offset."""
    instant = datetime.fromisoformat(text)
    if instant.tzinfo is None:
        raise ValueError("the time has no offset from UTC")
    return instant.astimezone(UTC)
