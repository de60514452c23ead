"""Witnessed and anchored checkpoints, and notices, from the event to the public page."""

from __future__ import annotations

from typing import Any

import asyncpg
import httpx
import pytest
from evote_eventlog.errors import PoisonError
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, CheckpointWitnessed, TamperingDetected
from evote_ledger_anchor.store import checkpoint_note, checkpoint_root

CONTRACT = "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"


async def anchored(log: Any, size: int, block: int) -> CheckpointAnchored:
    root = await checkpoint_root(log.pool, size)
    assert root is not None
    return CheckpointAnchored(
        origin=log.key.verifier.name,
        chain="ethereum",
        ledger=CONTRACT,
        size=size,
        root=root.hex(),
        transaction=f"0x{size:064x}",
        block=block,
        block_hash=f"0x{block:064x}",
        block_time="2026-11-25T00:00:00.000Z",
        anchorer="0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266",
    )


def verified(event: CheckpointAnchored) -> AnchorVerified:
    return AnchorVerified(**event.model_dump(exclude={"block_time", "anchorer"}))


async def test_an_anchor_is_shown_and_then_shown_as_verified(log: Any, events: Any, client: httpx.AsyncClient) -> None:
    await log.append([events.ballot(1)])
    event = await anchored(log, 1, 7)
    await log.apply(log.record(event))
    line = (await client.get("/anchors")).json()["items"][0]
    assert line == {**event.model_dump(exclude={"origin"}), "verified": False}
    await log.apply(log.record(verified(event)))
    assert (await client.get("/anchors")).json()["items"][0]["verified"] is True


async def test_the_first_anchor_that_covers_a_size_is_found(log: Any, events: Any, client: httpx.AsyncClient) -> None:
    for number in range(4):
        await log.append([events.ballot(number)])
    for size in (2, 4):
        await log.apply(log.record(await anchored(log, size, size)))
    sizes = [(await client.get("/anchors", params={"size": size})).json()["items"] for size in (1, 2, 3, 4, 5)]
    assert [[line["size"] for line in lines] for lines in sizes] == [[2], [2], [4], [4], []]
    assert [line["size"] for line in (await client.get("/anchors")).json()["items"]] == [4]
    other = (await anchored(log, 3, 1)).model_copy(update={"chain": "fabric", "ledger": "fabric:anchors:anchor"})
    await log.apply(log.record(other))
    found = {size: (await client.get("/anchors", params={"size": size})).json()["items"] for size in (1, 3, 4)}
    assert {size: [line["size"] for line in lines] for size, lines in found.items()} == {1: [2, 3], 3: [4, 3], 4: [4]}
    assert [line["size"] for line in (await client.get("/anchors")).json()["items"]] == [4, 3]


async def test_the_coverage_tells_how_far_each_is_behind(log: Any, events: Any, client: httpx.AsyncClient) -> None:
    for number in range(3):
        await log.append([events.ballot(number)])
    shown = {"chain": "ethereum", "ledger": CONTRACT, "anchored_size": 0, "verified_size": 0}
    assert (await client.get("/coverage")).json() == {"size": 3, "witnessed_size": 0, "chains": [shown]}
    note = await checkpoint_note(log.pool, 2)
    assert note is not None
    await log.apply(log.record(CheckpointWitnessed(origin=log.key.verifier.name, size=2, note=note)))
    first, second = await anchored(log, 1, 1), await anchored(log, 2, 2)
    for event in (first, second, verified(first)):
        await log.apply(log.record(event))
    shown |= {"anchored_size": 2, "verified_size": 1}
    assert (await client.get("/coverage")).json() == {"size": 3, "witnessed_size": 2, "chains": [shown]}


async def test_an_anchor_that_was_reorganised_away_goes_when_a_later_block_is_verified(
    log: Any, events: Any, pool: asyncpg.Pool
) -> None:
    await log.append([events.ballot(1)])
    await log.append([events.ballot(2)])
    lost, moved, kept = await anchored(log, 1, 3), await anchored(log, 2, 4), await anchored(log, 2, 5)
    for event in (lost, moved, kept, verified(kept)):
        await log.apply(log.record(event))
    rows = await pool.fetch("SELECT size, block, verified FROM anchors")
    assert [tuple(row) for row in rows] == [(2, 5, True)]


@pytest.mark.parametrize("changes", [{"root": "0" * 64}, {"size": 2}])
async def test_an_anchor_of_another_log_is_poison(log: Any, events: Any, changes: dict[str, Any]) -> None:
    await log.append([events.ballot(1)])
    with pytest.raises(PoisonError):
        await log.apply(log.record((await anchored(log, 1, 7)).model_copy(update=changes)))


async def test_a_verification_without_an_announcement_is_poison(log: Any, events: Any) -> None:
    await log.append([events.ballot(1)])
    event = await anchored(log, 1, 7)
    await log.apply(log.record(event))
    with pytest.raises(PoisonError):
        await log.apply(log.record(verified(event.model_copy(update={"block_hash": "0x" + "f" * 64}))))


async def test_the_newest_witnessed_checkpoint_is_served(log: Any, events: Any, client: httpx.AsyncClient) -> None:
    assert (await client.get("/checkpoint/witnessed")).status_code == 404
    await log.append([events.ballot(1)])
    note = await checkpoint_note(log.pool, 1)
    assert note is not None
    event = CheckpointWitnessed(origin=log.key.verifier.name, size=1, note=note)
    await log.apply(log.record(event))
    assert (await client.get("/checkpoint/witnessed")).text == note
    with pytest.raises(PoisonError):
        await log.apply(log.record(event.model_copy(update={"size": 2})))


async def test_a_finding_is_published_once(log: Any, client: httpx.AsyncClient) -> None:
    assert (await client.get("/notices")).json() == {"items": []}
    event = TamperingDetected(
        origin=log.key.verifier.name,
        finding="a" * 64,
        kind="entry-changed",
        where="log index 3",
        expected="b" * 64,
        found="c" * 64,
        intact_at=None,
    )
    await log.apply(log.record(event))
    await log.apply(log.record(event))
    (notice,) = (await client.get("/notices")).json()["items"]
    assert notice.pop("raised_at") == "2026-11-24T00:00:00.000Z"
    assert notice == event.model_dump(exclude={"origin"})
