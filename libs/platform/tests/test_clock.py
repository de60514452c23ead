from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from evote_platform.clock import parse_rfc3339, rfc3339
from hypothesis import given
from hypothesis import strategies as st


def test_moments_are_written_in_utc_to_the_millisecond() -> None:
    tokyo = timezone(timedelta(hours=9))
    assert rfc3339(datetime(2026, 11, 24, 10, 2, 3, 456_999, tokyo)) == "2026-11-24T01:02:03.456Z"
    assert rfc3339(datetime(2026, 11, 24, tzinfo=UTC)) == "2026-11-24T00:00:00.000Z"
    with pytest.raises(ValueError, match="time zone"):
        rfc3339(datetime(2026, 11, 24))


@given(st.datetimes(timezones=st.just(UTC)))
def test_what_is_written_is_read_back_to_the_millisecond(moment: datetime) -> None:
    assert parse_rfc3339(rfc3339(moment)) == moment.replace(microsecond=moment.microsecond // 1000 * 1000)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2026-11-24",
        "2026-11-24T01:02:03",
        "2026-11-24 01:02:03Z",
        "20261124T010203Z",
        "2026-13-24T01:02:03Z",
        "2026-11-24T25:02:03Z",
        "2026-11-24T01:02:03.Z",
        "2026-11-24T01:02:03+9",
        "0001-01-01T00:00:00+23:59",
        "２０２６-11-24T01:02:03Z",
        "2026-11-24T01:02:03Z\n",
    ],
)
def test_other_texts_are_no_moments(text: str) -> None:
    with pytest.raises(ValueError):
        parse_rfc3339(text)
