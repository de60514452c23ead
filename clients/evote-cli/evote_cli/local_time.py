"""Times as officers read them: those of Japan, wherever the machine stands, and said so."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Final

JAPAN: Final = timezone(timedelta(hours=9), "日本時間")
"""Fixed, since Japan has no summer time: a machine without a zone database shows the same."""
_DAYS = "月火水木金土日"


def local_time(text: object) -> str:
    """An instant, or a text of RFC 3339, in Japan's time; a text that is none stays as it is."""
    try:
        moment = datetime.fromisoformat(str(text))
    except ValueError:
        return str(text)
    if moment.tzinfo is None:
        return str(text)
    there = moment.astimezone(JAPAN)
    return f"{there:%Y-%m-%d}（{_DAYS[there.weekday()]}）{there:%H:%M}（日本時間）"
