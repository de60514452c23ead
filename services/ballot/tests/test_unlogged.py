"""What waits for the log is seen by ballot, whatever became of the sequencer; nothing tells who has just cast."""

from __future__ import annotations

from datetime import timedelta
from math import isnan

import pytest
from evote_ballot import unlogged
from evote_ballot.metrics import LoggedMetrics
from evote_ballot.projection import BallotProjection
from evote_ballot.unlogged import UnloggedWatch
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.offsets import stored_offsets
from evote_eventlog.record import LogPartition
from evote_local.testbed import eventually
from prometheus_client import CollectorRegistry

pytestmark = pytest.mark.stack


class Watched:
    """A watch of its own over a place's tables, and what it shows."""

    def __init__(self, place, monkeypatch: pytest.MonkeyPatch) -> None:
        self.passed = 0.0
        self.behind = 0
        """How many records of each partition the tables don't show yet."""
        self._pool = place.service.pool
        self._registry = CollectorRegistry()
        self._watch = UnloggedWatch(place.service.reads, LoggedMetrics(self._registry), place.clock, self._ends)
        monkeypatch.setattr(unlogged, "monotonic", lambda: self.passed)

    async def _ends(self) -> dict[LogPartition, int]:
        async with self._pool.acquire() as connection:
            stored = await stored_offsets(connection, BallotProjection.name)
        return {partition: end + self.behind for partition, end in stored.items()}

    async def look(self, passed: float = 0) -> tuple[float, int, int]:
        """So many seconds later: how long the oldest has waited, how many count, and how many of them in time."""
        self.passed += passed
        await self._watch.look()
        oldest = self._registry.get_sample_value("evote_ballot_unlogged_seconds")
        counted = self._registry.get_sample_value("evote_ballot_logged_delay_seconds_count")
        in_time = self._registry.get_sample_value("evote_ballot_logged_delay_seconds_bucket", {"le": "5.0"})
        return oldest, int(counted), int(in_time)


@pytest.fixture
async def watched(place, monkeypatch: pytest.MonkeyPatch) -> Watched:
    begun = Watched(place, monkeypatch)
    assert isnan((await begun.look())[0]), "it knows a look later whether the tables show the log"
    return begun


async def accepted(place, *voters: int) -> list[dict]:
    """Their receipts, once the tables show their ballots."""
    receipts = [await place.cast(voter) for voter in voters]

    async def shown() -> bool:
        trackers = [receipt["tracker"] for receipt in receipts]
        return await place.service.pool.fetchval(count, trackers) == len(trackers)

    count = "SELECT count(*) FROM ballots WHERE tracker = ANY($1)"
    await eventually(shown)
    return receipts


async def test_a_ballot_that_is_not_logged_counts_as_late_and_its_age_grows_until_it_is(place, watched) -> None:
    assert await watched.look() == (0, 0, 0)
    receipts = await accepted(place, 0)
    assert await watched.look() == (0, 0, 0), "nothing tells when a ballot came"
    assert await watched.look(5) == (0, 0, 0)
    assert await watched.look(1) == (0, 1, 0), "it counts before it is logged: it may never be"
    assert await watched.look(600) == (600, 1, 0)
    await place.log(*receipts)
    assert await watched.look(1) == (0, 1, 0), "and once"


async def test_a_ballot_that_is_logged_in_time_counts_so(place, watched) -> None:
    await watched.look()
    receipts = await accepted(place, 0, 1)
    await watched.look()
    await place.log(receipts[0])
    assert await watched.look(2) == (0, 1, 1)
    await place.log(receipts[1])
    assert await watched.look(2) == (0, 2, 2)
    await place.log(*await accepted(place, 2))
    assert await watched.look(1) == (0, 3, 3), "logged before it was looked at"


async def test_one_ballot_that_the_log_passed_by_is_not_hidden_by_those_behind_it(place, watched) -> None:
    await watched.look()
    receipts = await accepted(place, 0, 0, 0)  # of one credential, so of one partition
    await watched.look()
    await place.log(*receipts[1:])
    assert await watched.look(1) == (0, 2, 2)
    assert await watched.look(60) == (60, 3, 2)


@pytest.mark.parametrize("second", [1, 8, 14])
async def test_what_is_shown_tells_no_second_in_which_a_ballot_came(place, watched, second: int) -> None:
    await watched.look(second)
    await accepted(place, 0)
    await watched.look()
    await watched.look(29 - second)
    shown = [(await watched.look(1))[0] for _ in range(30)]
    assert shown == [15] * 15 + [30] * 15


async def test_a_replica_that_starts_knows_how_long_ballots_have_waited(place, watched) -> None:
    """An event tells the minute: so it may have been up to one more."""
    receipts = await accepted(place, 0, 1)
    await place.log(receipts[0])
    place.clock.moved += timedelta(minutes=10)
    oldest, counted, _ = await watched.look()
    assert 9 * 60 <= oldest <= 11 * 60
    assert counted == 0, "whoever looked before has counted it"


async def test_nothing_is_shown_while_the_tables_do_not_show_the_log(place, monkeypatch) -> None:
    receipts = await accepted(place, 0)
    place.clock.moved += timedelta(minutes=10)
    watched = Watched(place, monkeypatch)
    watched.behind = 1
    for _ in range(3):
        assert isnan((await watched.look(1))[0]), "it may be logged, by a record that the tables don't have yet"
    await place.log(*receipts)
    watched.behind = 0
    assert isnan((await watched.look(1))[0])
    assert (await watched.look(1))[0] == 0


async def test_nothing_is_shown_while_the_tables_are_made_again(place, watched, monkeypatch) -> None:
    await accepted(place, 0)
    await watched.look()
    assert (await watched.look(60))[0] == 60

    async def made_again(*_: object) -> dict[LogPartition, int]:
        return {}

    with monkeypatch.context() as while_replayed:
        while_replayed.setattr(unlogged, "stored_offsets", made_again)
        assert isnan((await watched.look())[0])
    watched.behind = 1
    for _ in range(3):
        assert isnan((await watched.look())[0]), "they are not at the log's end yet"


async def test_a_log_that_nobody_can_ask_leaves_it_unknown_until_it_tells(place, watched, monkeypatch) -> None:
    async def away() -> dict[LogPartition, int]:
        raise LogUnavailable("away")

    with monkeypatch.context() as while_away:
        while_away.setattr(watched._watch, "_ends", away)
        assert isnan((await watched.look())[0])
    assert isnan((await watched.look())[0])
    assert (await watched.look())[0] == 0


async def test_a_replica_shows_it(place) -> None:
    async def shown() -> bool:
        return "evote_ballot_unlogged_seconds 0.0" in (await place.client.get("/metrics", auth=place.access)).text

    await eventually(shown)
