"""More casts than a replica can take: who would wait too long is told at once, and nobody who has a receipt is lost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import asyncpg
import pytest
from evote_ballot.api import routes
from evote_eventlog.events import BallotAccepted
from evote_local.testbed import Watch, eventually
from evote_platform import turns

from .conftest import polling_place

VOTERS = 12
AT_ONCE = 2


async def _is(holds: bool) -> bool:
    return holds


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Whoever comes arrives by this clock."""
    watch = Watch()
    for module in (routes, turns):
        monkeypatch.setattr(module, "arrived", watch.arrived)
    return watch


@pytest.fixture
async def crowded(kafka: Any, ballot_settings: Any, clock: Any) -> AsyncIterator[Any]:
    async with polling_place(kafka, ballot_settings, clock, replicas=1, voters=VOTERS) as place:
        yield place


@pytest.mark.stack
async def test_while_the_database_holds_casts_up_others_are_turned_away_at_the_door_and_none_is_lost(
    crowded: Any, watch: Watch, database_url: str
) -> None:
    place = crowded
    door = place.service.door = watch.door(AT_ONCE)
    place.service.metrics.watch(place.service.intake.verifier, door)
    casts = [place.new_cast(voter) for voter in range(VOTERS)]
    holder = await asyncpg.connect(database_url)
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE ballot.reservations IN ACCESS EXCLUSIVE MODE")
            answers = [asyncio.create_task(place.post(cast)) for cast in casts[: AT_ONCE + 1]]
            await eventually(lambda: _is(door.waiting == 1))
            watch.now += watch.longest_s + 0.001
            turned_away = [await place.post(cast) for cast in casts[AT_ONCE + 1 :]]
            # Before a byte of it is looked at: a body that is none gets the same answer.
            turned_away.append(await place.post(b"\xff"))
            metrics = (await place.client.get("/metrics", auth=place.access)).text
            assert "evote_ballot_casts_waiting 1.0" in metrics.splitlines()
        inside = await asyncio.gather(*answers)
    finally:
        await holder.close()
    for answer in turned_away:
        assert (answer.status_code, place.slug(answer)) == (503, "overloaded")
        assert int(answer.headers["Retry-After"]) >= 2
        assert answer.json()["title"] and answer.json()["en"]["title"]
    assert [answer.status_code for answer in inside] == [201] * (AT_ONCE + 1)
    again = [await place.post(cast) for cast in casts]
    assert all(answer.status_code in (200, 201) for answer in again)
    assert [answer.json() for answer in again[: AT_ONCE + 1]] == [answer.json() for answer in inside], "receipts stand"
    recorded = [record.envelope.data for record in await place.services.records(place.election.uuid, BallotAccepted)]
    assert sorted(cast.ballot for cast in recorded) == sorted(json.loads(cast)["ballot"] for cast in casts)


@pytest.mark.stack
async def test_a_body_that_comes_slowly_holds_no_turn(crowded: Any, watch: Watch) -> None:
    place = crowded
    place.service.door = watch.door(1)
    rest = asyncio.Event()
    slow = place.new_cast(0).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield slow[:1000]
        await rest.wait()
        yield slow[1000:]

    answer = asyncio.create_task(
        place.client.post(f"{place.base}/ballots", content=slowly(), headers={"Content-Type": "application/json"})
    )
    assert (await place.post(place.new_cast(1))).status_code == 201
    assert not answer.done()
    rest.set()
    assert (await answer).status_code == 201


@pytest.mark.stack
async def test_who_leaves_while_waiting_at_the_door_gives_the_place_up_at_once(crowded: Any, watch: Watch) -> None:
    place = crowded
    door = place.service.door = watch.door(1)
    gone, sent, body = asyncio.Event(), list[Any](), place.new_cast(0).encode()
    told = iter([{"type": "http.request", "body": body, "more_body": False}])

    async def receive() -> Any:
        for message in told:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "query_string": b"",
        "headers": [],
    }
    scope |= {"path": f"{place.base}/ballots", "client": ("127.0.0.1", 1), "server": ("127.0.0.1", 80)}
    async with door.turn(watch.now):
        leaver = asyncio.create_task(place.client._transport.app(scope, receive, send))
        await eventually(lambda: _is(door.waiting == 1))
        gone.set()
        # The one turn is still taken, and the door's clock stands still.
        await leaver
        assert door.waiting == 0
    assert (await place.post(place.new_cast(1))).status_code == 201
    recorded = await place.services.records(place.election.uuid, BallotAccepted)
    assert len(recorded) == 1, "nobody waited for the other one"
