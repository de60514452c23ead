"""More releases than a replica can do in time: who would wait too long is told at once, and tries again as they are."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import httpx
import pytest
from evote_auth.metrics import Way
from evote_local.testbed import Watch, eventually
from evote_platform import turns

from .conftest import Town, order_of
from .face_way import HANAKO, ICHIRO, ICHIRO_ID

pytestmark = pytest.mark.stack
AT_ONCE = 2


async def _is(holds: bool) -> bool:
    return holds


async def _are_held_up(holder: asyncpg.Connection, releases: int) -> bool:
    """By the table, or by a release that is."""
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
    return bool(await holder.fetchval(waiting) == releases)


@pytest.fixture
def watch(monkeypatch: pytest.MonkeyPatch) -> Watch:
    """Whoever comes arrives by this clock."""
    watch = Watch()
    monkeypatch.setattr(turns, "arrived", watch.arrived)
    return watch


def overloaded(answer: httpx.Response) -> bool:
    return answer.status_code == 503 and answer.json()["type"].endswith(":overloaded")


async def test_while_the_vault_holds_releases_up_others_are_turned_away_at_the_door_and_keep_their_challenge(
    open_town: Any, watch: Watch
) -> None:
    town, doors = open_town, open_town.app.state.service.doors
    door = doors[Way.CARD] = watch.door(AT_ONCE)
    town.app.state.service.releasing.metrics.watch(doors)
    verdict = await town.verdict((await town.letters())[ICHIRO_ID])
    card = town.card(HANAKO)
    asked = [town.sign(card, await town.challenge()) for _ in range(8)]
    holder = await asyncpg.connect(town.settings.database_url.get_secret_value())
    try:
        async with holder.transaction():
            await holder.execute("LOCK TABLE auth.vault_evidence IN ACCESS EXCLUSIVE MODE")
            inside = [asyncio.create_task(town.send(body)) for body in asked[: AT_ONCE + 1]]
            # Until then one steps aside while the card is looked up, and who waits has their turn.
            await eventually(lambda: _are_held_up(holder, AT_ONCE))
            await eventually(lambda: _is(door.waiting == 1))
            watch.now += watch.longest_s + 0.001
            refused = [await town.send(body) for body in asked[AT_ONCE + 1 :]]
            # Before a byte of it is looked at: a body that is none gets the same answer.
            refused.append(await town.client.post(f"{town.base}/releases", content=b"\xff"))
            refused.append(await town.client.post(f"{town.base}/face-enrolments", content=b"\xff"))
            metrics = (await town.client.get("/metrics", auth=town.signed)).text
            by_face = asyncio.create_task(town.release_by_face(verdict))
            await eventually(lambda: _is(doors[Way.FACE].inside == 1))
    finally:
        await holder.close()
    for answer in refused:
        assert overloaded(answer), answer.text
        assert int(answer.headers["Retry-After"]) >= 2
    assert 'evote_auth_releases_waiting{way="card"} 1.0' in metrics.splitlines()
    answers = await asyncio.gather(*inside)
    credentials = {town.credential(await by_face, order_of(verdict))}
    assert len(credentials) == 1, "who comes by another way waits behind nobody with a card"
    again = [await town.send(body) for body in asked[AT_ONCE + 1 :]]
    for body, answer in zip(asked, [*answers, *again], strict=True):
        credentials.add(town.credential(answer, body["challenge_id"]))
    assert len(credentials) == 2, "each voter's own"
    assert len(await town.evidence()) == len(asked) + 1, "one each, and none of those who were turned away first"


def release_scope(town: Town) -> dict[str, Any]:
    """Of a release by card, as a server makes it."""
    return {
        "type": "http",
        "http_version": "1.1",
        "method": "POST",
        "scheme": "http",
        "query_string": b"",
        "headers": [(b"content-type", b"application/json")],
        "path": f"{town.base}/releases",
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
    }


async def test_who_does_not_read_the_answer_holds_no_turn(open_town: Any, watch: Watch) -> None:
    town = open_town
    door = town.app.state.service.doors[Way.CARD] = watch.door(1)
    body = town.sign(town.card(ICHIRO), await town.challenge())
    content = httpx.Request("POST", "http://service", json=body).content
    answered, for_ever = asyncio.Event(), asyncio.Event()
    told = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> Any:
        for message in told:
            return message
        return await for_ever.wait()

    async def send(message: Any) -> None:
        assert message["status"] == 200
        answered.set()
        await for_ever.wait()

    reader = asyncio.create_task(town.app(release_scope(town), receive, send))
    await eventually(lambda: _is(answered.is_set() or reader.done()))
    try:
        assert (answered.is_set(), door.inside) == (True, 0)
    finally:
        reader.cancel()
        await asyncio.wait([reader])


async def test_who_leaves_while_waiting_at_the_door_gives_the_place_up_at_once_and_keeps_the_challenge(
    open_town: Any, watch: Watch
) -> None:
    town = open_town
    door = town.app.state.service.doors[Way.CARD] = watch.door(1)
    body = town.sign(town.card(ICHIRO), await town.challenge())
    gone, sent = asyncio.Event(), list[Any]()
    content = httpx.Request("POST", "http://service", json=body).content
    told = iter([{"type": "http.request", "body": content, "more_body": False}])

    async def receive() -> Any:
        for message in told:
            return message
        await gone.wait()
        return {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        sent.append(message)

    async with door.turn(watch.now):
        leaver = asyncio.create_task(town.app(release_scope(town), receive, send))
        await eventually(lambda: _is(door.waiting == 1))
        gone.set()
        # The one turn is still taken, and the door's clock stands still.
        await leaver
        assert door.waiting == 0
    assert sent[0]["status"] == 408
    assert town.credential(await town.send(body), body["challenge_id"])
    assert len(await town.evidence()) == 1, "nothing was done for who had gone"
