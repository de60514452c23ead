from __future__ import annotations

from datetime import UTC, datetime

import pytest
from evote_platform.problems import Problem
from evote_platform.publication import (
    Matter,
    Reader,
    Stage,
    demand_readable,
    is_readable,
    text_to_the_minute,
    to_the_minute,
)


def test_until_the_close_the_public_sees_trackers_and_proofs_alone() -> None:
    seen = {matter for matter in Matter if is_readable(matter, Stage.UNTIL_THE_CLOSE, Reader.PUBLIC)}
    assert seen == {Matter.TRACKERS, Matter.PROOFS}


def test_after_the_close_everybody_and_an_auditor_always_sees_all() -> None:
    assert all(is_readable(matter, Stage.CLOSED, Reader.PUBLIC) for matter in Matter)
    assert all(is_readable(matter, stage, Reader.AUDITOR) for matter in Matter for stage in Stage)


def test_what_is_not_public_yet_is_answered_with_a_problem_that_says_so() -> None:
    demand_readable(Matter.BALLOTS, Stage.CLOSED, Reader.PUBLIC)
    with pytest.raises(Problem) as raised:
        demand_readable(Matter.BALLOTS, Stage.UNTIL_THE_CLOSE, Reader.PUBLIC)
    assert (raised.value.kind.status, raised.value.kind.slug) == (403, "withheld-until-the-close")


def test_public_times_tell_the_minute() -> None:
    assert to_the_minute(datetime(2026, 11, 24, 9, 5, 59, 999000, UTC)) == datetime(2026, 11, 24, 9, 5, tzinfo=UTC)
    assert text_to_the_minute("2026-11-24T18:05:59.999+09:00") == "2026-11-24T09:05:00.000Z"
