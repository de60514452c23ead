"""Anchoring over real PostgreSQL and the real projection; Kafka and the chain are played by hand."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from random import Random
from typing import Any

import asyncpg
import pytest
from evote_anchors.anchor import Anchor, ChainHead
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, EventData
from evote_ledger_anchor import anchoring, wakes
from evote_ledger_anchor.anchoring import Anchoring, Pace
from evote_ledger_anchor.metrics import AnchoringMetrics
from evote_ledger_anchor.store import checkpoint_root, newest_checkpoint
from evote_local.faults import Fault, break_write
from evote_local.testbed import eventually
from prometheus_client import CollectorRegistry
from pydantic import SecretStr

from .fake_chain import FakeMiningChain

NEVER_S = 1e6
WORKS, LOST, LANDED = None, Fault.LOST, Fault.LANDED


class HandPlayedLog:
    """An EventProducer whose events are projected at once; some writes fail as its script says."""

    def __init__(self, log: Any) -> None:
        self._log = log
        self.script: Iterator[Fault | None] = iter(())
        self.written: list[list[type[EventData]]] = []

    async def publish_together(self, events: Sequence[EventData]) -> None:
        assert len({(data.topic, data.partition_key()) for data in events}) == 1

        async def apply() -> None:
            self.written.append([type(data) for data in events])
            for data in events:
                await self._log.apply(self._log.record(data))

        await break_write(next(self.script, WORKS), apply, LogUnavailable("broken by a test"))


class Place:
    """One replica's anchoring, which can be restarted."""

    def __init__(self, log: Any, events: Any, chain: FakeMiningChain, database_url: str) -> None:
        self.log, self.events, self.chain = log, events, chain
        self.producer = HandPlayedLog(log)
        self.registry = CollectorRegistry()
        self._metrics = AnchoringMetrics(self.registry)
        self._url = SecretStr(database_url)
        self.wake = asyncio.Event()
        self._ballots = 0

    async def grow(self) -> int:
        self._ballots += 1
        await self.log.append([self.events.ballot(self._ballots)])
        self.wake.set()
        return self._ballots

    @asynccontextmanager
    async def anchoring(self) -> AsyncIterator[Anchoring]:
        anchoring = Anchoring(
            database_url=self._url,
            pool=self.log.pool,
            producer=self.producer,  # type: ignore[arg-type]
            writer=self.chain,
            origin=self.log.key.verifier.name,
            newest_counted=newest_checkpoint,
            wake=self.wake,
            pace=Pace(interval_s=0.01, poll_s=0.01, first_block=0),
            clock=lambda: datetime.now(UTC),
            metrics=self._metrics,
        )
        task = asyncio.create_task(anchoring.run())
        try:
            yield anchoring
            assert not task.done(), task.exception()
        finally:
            while not task.done():
                task.cancel()
                await asyncio.wait([task], timeout=1)

    async def rows(self) -> list[tuple[int, bool]]:
        rows = await self.log.pool.fetch("SELECT size, verified FROM anchors ORDER BY size")
        return [(row["size"], row["verified"]) for row in rows]

    async def verified(self, size: int) -> bool:
        return (size, True) in await self.rows()

    def metric(self, name: str) -> float:
        value = self.registry.get_sample_value(name, {"chain": "ethereum"})
        return -1 if value is None else value


@pytest.fixture
def chain() -> FakeMiningChain:
    return FakeMiningChain()


@pytest.fixture
def place(log: Any, events: Any, chain: FakeMiningChain, database_url: str, pool: asyncpg.Pool) -> Place:
    return Place(log, events, chain, database_url)


async def test_the_newest_checkpoint_is_anchored_and_verified(place: Place) -> None:
    async with place.anchoring():
        for _ in range(3):
            size = await place.grow()
            await eventually(lambda size=size: place.verified(size))
        assert place.metric("evote_anchor_lag_entries") == 0
    assert place.metric("evote_anchor_lag_entries") == -1, "who doesn't lead knows of no lag"
    anchored = [anchor for _, anchors in place.chain.blocks for anchor in anchors]
    origin = place.log.key.verifier.name
    assert anchored == [Anchor(origin, size, await checkpoint_root(place.log.pool, size)) for size in (1, 2, 3)]


async def test_a_checkpoint_is_sent_when_it_is_projected_and_not_at_the_next_look(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(wakes, "LOOK_AGAIN_S", NEVER_S)
    async with place.anchoring():
        for _ in range(3):
            size = await place.grow()
            await eventually(lambda size=size: place.verified(size))


async def test_the_chain_is_not_looked_at_while_all_of_the_log_is_final_and_again_when_there_is_more(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(anchoring, "_QUIET_LOOK_S", NEVER_S)
    rests, rest = list[bool](), Anchoring._until_the_next_look

    async def noted(anchors: Anchoring) -> None:
        rests.append(True)
        await rest(anchors)
        rests.append(False)

    monkeypatch.setattr(Anchoring, "_until_the_next_look", noted)
    async with place.anchoring() as anchors:
        for _ in range(3):
            size = await place.grow()
            await eventually(lambda size=size: place.verified(size))
            await eventually(lambda: _async(bool(anchors._unfinished._waiters)))
            assert rests[-1], "it waits for the log, and not for the next look"


async def test_a_checkpoint_that_another_replica_projected_is_found(place: Place) -> None:
    async with place.anchoring():
        await place.grow()
        await eventually(lambda: place.verified(1))
        await place.log.append([place.events.ballot(2)])
        await eventually(lambda: place.verified(2))


async def test_of_the_anchors_in_one_block_the_largest_is_announced(place: Place) -> None:
    """It covers the others, and each announcement is two events that every reader of the log reads."""
    place.chain.mining = False
    async with place.anchoring():
        for waiting in (1, 2):
            await place.grow()
            await eventually(lambda waiting=waiting: _async(len(place.chain.mempool) == waiting))
        place.chain.mine()
        await eventually(lambda: place.verified(2))
        assert await place.rows() == [(2, True)]
        assert place.metric("evote_anchor_lag_entries") == 0
    assert place.chain.sizes() == [1, 2]


async def test_checkpoints_that_come_while_the_chain_is_down_share_one_anchor(place: Place) -> None:
    place.chain.down = True
    async with place.anchoring():
        for _ in range(5):
            await place.grow()

        async def lags() -> bool:
            return place.metric("evote_anchor_lag_entries") == 5 and place.metric("evote_anchor_up") == 0

        await eventually(lags)
        place.chain.down = False
        await eventually(lambda: place.verified(5))
    assert place.chain.sizes() == [5]


async def test_an_anchor_is_verified_only_when_its_block_is_final(place: Place) -> None:
    place.chain.finality_depth = 2
    async with place.anchoring():
        size = await place.grow()
        for final in (False, False, True):

            async def shown(final: bool = final) -> bool:
                return await place.rows() == [(size, final)]

            await eventually(shown)
            place.chain.mine()


async def test_what_a_reorganisation_drops_is_anchored_again(place: Place) -> None:
    place.chain.finality_depth = 2
    async with place.anchoring():
        size = await place.grow()
        await eventually(lambda: _is(place, [(size, False)]))
        place.chain.reorganise(1)
        await eventually(lambda: _async(place.chain.sizes() == [size]))
        place.chain.mine()
        place.chain.mine()
        await eventually(lambda: place.verified(size))
    assert place.chain.submitted.count(place.chain.submitted[0]) >= 2


async def test_an_anchor_that_a_reorganisation_moves_is_announced_in_its_new_block(place: Place) -> None:
    place.chain.finality_depth = 2
    async with place.anchoring():
        size = await place.grow()
        await eventually(lambda: _is(place, [(size, False)]))
        place.chain.mining = False
        anchor = place.chain.submitted[0]
        place.chain.reorganise(1)
        place.chain.mempool.clear()
        place.chain.mine(anchor)
        place.chain.mine()
        place.chain.mine()
        await eventually(lambda: place.verified(size))
    block = await place.log.pool.fetchval("SELECT block FROM anchors")
    assert block == next(number for number, (_, anchors) in enumerate(place.chain.blocks) if anchors)


async def test_an_anchor_that_a_reorganisation_moves_beside_a_larger_one_is_announced_there(place: Place) -> None:
    place.chain.finality_depth = 2
    async with place.anchoring():
        await place.grow()
        await eventually(lambda: _is(place, [(1, False)]))
        place.chain.mining = False
        await place.grow()
        await eventually(lambda: _async(bool(place.chain.mempool)))
        first, second = place.chain.submitted[0], place.chain.submitted[-1]
        del place.chain.blocks[-1]
        place.chain.mempool.clear()
        place.chain.mine(first, second)
        place.chain.mine()
        place.chain.mine()
        await eventually(lambda: place.verified(2))
    assert await place.rows() == [(1, True), (2, True)]


async def _anchored_at(place: Place, depth: int) -> int:
    """The size that is final behind so many blocks."""
    place.chain.finality_depth = depth
    async with place.anchoring():
        size = await place.grow()
        if depth:
            await eventually(lambda: _is(place, [(size, False)]))
        for _ in range(depth):
            place.chain.mine()
        await eventually(lambda: place.verified(size))
    return size


@pytest.mark.parametrize("depth", [0, 2])
@pytest.mark.parametrize("script", [[LOST], [LANDED], [WORKS, LOST], [WORKS, LANDED], [LOST, LANDED]])
async def test_an_announcement_that_fails_is_made_again(place: Place, script: list[Fault | None], depth: int) -> None:
    place.producer.script = iter(script)
    size = await _anchored_at(place, depth)
    assert place.chain.sizes() == [size]


@pytest.mark.parametrize(
    ("depth", "written"),
    [(0, [[CheckpointAnchored, AnchorVerified]]), (2, [[CheckpointAnchored], [AnchorVerified]])],
)
async def test_what_is_final_when_it_is_found_is_told_at_once(
    place: Place, depth: int, written: list[list[type[EventData]]]
) -> None:
    await _anchored_at(place, depth)
    assert place.producer.written == written


async def test_an_answer_that_breaks_the_reading_stops_nothing(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    async def nonsense(*_: object) -> ChainHead:
        raise ValueError("not a number")

    honest = place.chain.head
    monkeypatch.setattr(place.chain, "head", nonsense)
    async with place.anchoring():
        size = await place.grow()

        async def sent() -> bool:
            return place.chain.sizes() == [size] and place.metric("evote_anchor_up") == 0

        await eventually(sent)
        monkeypatch.setattr(place.chain, "head", honest)
        await eventually(lambda: place.verified(size))


async def test_blocks_that_a_node_made_up_do_not_hide_the_ones_that_come(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = asyncio.Event()

    async def far_ahead() -> ChainHead:
        asked.set()
        return ChainHead(10**9, 10**9)

    honest = place.chain.head
    monkeypatch.setattr(place.chain, "head", far_ahead)
    async with place.anchoring():
        async with asyncio.timeout(30):
            await asked.wait()
        await asyncio.sleep(0.05)
        monkeypatch.setattr(place.chain, "head", honest)
        size = await place.grow()
        await eventually(lambda: place.verified(size))


async def test_an_anchor_that_we_never_signed_is_not_announced(place: Place) -> None:
    await place.grow()
    place.chain.mine(Anchor(place.log.key.verifier.name, 1, bytes(32)))
    async with place.anchoring():
        size = await place.grow()
        await eventually(lambda: place.verified(size))
    assert await place.rows() == [(2, True)]


@pytest.mark.parametrize("seed", range(4))
async def test_whatever_happens_no_size_is_anchored_twice_and_the_log_is_caught_up(place: Place, seed: int) -> None:
    random = Random(seed)
    place.chain.finality_depth = 2
    size = await place.grow()
    for _ in range(6):
        place.producer.script = iter(random.choices([WORKS, LOST, LANDED], [6, 1, 1], k=20))
        async with place.anchoring():
            for _ in range(random.randrange(8)):
                match random.randrange(5):
                    case 0 | 1:
                        size = await place.grow()
                    case 2:
                        place.chain.mine()
                    case 3:
                        place.chain.reorganise(min(random.randrange(1, 3), len(place.chain.blocks) - 1))
                    case 4:
                        place.chain.down = not place.chain.down
                await asyncio.sleep(random.random() / 20)
    place.chain.down = False
    async with place.anchoring():
        await eventually(lambda: _mined_until_verified(place, size))
    sizes = place.chain.sizes()
    assert sizes == sorted(set(sizes))
    assert sizes[-1] == size
    verified = {size for size, verified in await place.rows() if verified}
    assert verified <= set(sizes)


async def _mined_until_verified(place: Place, size: int) -> bool:
    place.chain.mine()
    await asyncio.sleep(0.05)
    return await place.verified(size)


async def _is(place: Place, rows: list[tuple[int, bool]]) -> bool:
    return await place.rows() == rows


async def _async(value: bool) -> bool:
    return value
