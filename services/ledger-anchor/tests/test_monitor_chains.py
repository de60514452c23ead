"""Chains that agree with the log, lag behind it, or contradict it or themselves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import WrongContract
from evote_eventlog.events import AnchorVerified, CheckpointAnchored, EventData
from evote_ledger_anchor.monitor.chains import PATIENCE, READ_ALL_EVERY, ChainWatch, WatchedContract
from evote_ledger_anchor.monitor.domain import Finding
from evote_ledger_anchor.monitor.signed_log import SignedLog

from .fake_chain import CHAIN, FakeChain
from .signed_logs import KEY, MOMENT, checkpoints, fold


def announced(held: AnchoredHead) -> CheckpointAnchored:
    return CheckpointAnchored(
        origin=held.anchor.origin,
        chain="ethereum",
        ledger=CHAIN,
        size=held.anchor.size,
        root=held.anchor.root.hex(),
        transaction=held.transaction,
        block=held.block,
        block_hash=held.block_hash,
        block_time="2026-11-25T00:00:00.000Z",
        anchorer=held.anchorer,
    )


def verified(held: AnchoredHead) -> list[EventData]:
    event = announced(held)
    return [event, AnchorVerified(**event.model_dump(exclude={"block_time", "anchorer"}))]


def test_the_fold_keeps_the_anchors_that_the_projection_keeps(chain: FakeChain) -> None:
    whole = checkpoints([3, 4, 5])
    first = chain.anchor(3, bytes.fromhex(whole[0].root))
    moved = replace(first, block=2, block_hash="0x22")
    lost, last = (
        chain.anchor(7, bytes.fromhex(whole[1].root)),
        replace(chain.anchor(12, bytes.fromhex(whole[2].root)), block=5),
    )
    late = replace(lost, block=6, block_hash="0x66")
    other = replace(first, block=9, block_hash="0x99")
    log = fold(
        [
            *whole,
            announced(first),
            *verified(moved),
            announced(lost),
            *verified(last),
            verified(lost)[1],
            *verified(other),
            *verified(late),
        ]
    )
    assert [(event.size, event.block) for event in log.rows.verified.values()] == [(3, 2), (12, 5), (7, 6)]
    assert [event.block for event in log.verified] == [2, 5, 6]


@pytest.fixture
def chain() -> FakeChain:
    return FakeChain(KEY.verifier.name)


@pytest.fixture
def watch(chain: FakeChain) -> ChainWatch:
    return ChainWatch(WatchedContract(chain, 0), KEY.verifier.name)


async def look(watch: ChainWatch, log: SignedLog, lost: Mapping[int, bytes] | None = None) -> list[Finding]:
    reading = await watch.read()
    assert reading is not None
    return watch.judge(reading, log, lost or {})


async def test_anchors_of_signed_checkpoints_are_no_finding(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = [chain.anchor(event.size, bytes.fromhex(event.root)) for event in whole]
    log = fold([*whole, *(event for anchor in held for event in verified(anchor))])
    assert [await look(watch, log) for _ in range(2 * READ_ALL_EVERY)] == [[]] * (2 * READ_ALL_EVERY)
    assert chain.asked.count((0, 2)) == 2


async def test_an_anchor_of_a_size_that_was_never_signed_was_not_asked_for(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = chain.anchor(5, b"5" * 32)
    (finding,) = await look(watch, fold(whole))
    where = f"{CHAIN} block 1 transaction {held.transaction}"
    assert (finding.kind, finding.where) == ("anchor-unrequested", where)


async def test_an_anchor_with_another_root_disagrees(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    chain.anchor(3, b"5" * 32)
    (finding,) = await look(watch, fold(whole))
    assert (finding.kind, finding.expected) == ("chain-disagrees", f"root {whole[0].root}")


async def test_an_anchor_beyond_the_log_says_what_is_known_of_it(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    chain.anchor(7, bytes.fromhex(whole[1].root))
    (unknown,) = await look(watch, fold(whole[:1]))
    assert unknown.kind == "anchor-unrequested"
    assert "cut off, or never was so large" in unknown.found
    (known,) = await look(watch, fold(whole[:1]), {7: bytes.fromhex(whole[1].root)})
    assert known.kind == "log-rolled-back"


async def test_an_anchor_in_a_block_that_is_not_final_is_not_judged_yet(chain: FakeChain, watch: ChainWatch) -> None:
    chain.anchor(5, b"5" * 32)
    chain.final_block = 0
    assert await look(watch, fold(checkpoints([3, 4]))) == []
    chain.final_block = 1
    assert [finding.kind for finding in await look(watch, fold(checkpoints([3, 4])))] == ["anchor-unrequested"]


async def test_a_verified_anchor_that_left_its_block_disagrees(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = chain.anchor(3, bytes.fromhex(whole[0].root))
    log = fold([*whole, *verified(held)])
    chain.anchored[0] = AnchoredHead(held.anchor, held.transaction, 1, "0x" + "f" * 64, MOMENT, "0xabc")
    (finding,) = await look(watch, log)
    assert (finding.kind, finding.where) == ("chain-disagrees", f"{CHAIN} block 1")
    assert held.block_hash in finding.expected


async def test_a_final_anchor_that_is_gone_when_all_blocks_are_read_again_disagrees(
    chain: FakeChain, watch: ChainWatch
) -> None:
    whole = checkpoints([3, 4])
    for event in whole:
        chain.anchor(event.size, bytes.fromhex(event.root))
    found = [await look(watch, fold(whole))]
    del chain.anchored[0]
    found += [await look(watch, fold(whole)) for _ in range(READ_ALL_EVERY)]
    assert [finding.kind for findings in found for finding in findings] == ["chain-disagrees"]


@pytest.mark.parametrize("contract", [None, Anchor(KEY.verifier.name, 3, bytes(32)), Anchor("", 900, bytes(32))])
async def test_a_contract_that_forgot_its_newest_anchor_disagrees_when_it_does_so_for_long(
    chain: FakeChain, watch: ChainWatch, contract: Any
) -> None:
    whole = checkpoints([3, 4])
    for event in whole:
        chain.anchor(event.size, bytes.fromhex(event.root))
    chain.contract = contract
    found = [await look(watch, fold(whole)) for _ in range(PATIENCE)]
    assert found[:-1] == [[]] * (PATIENCE - 1)
    assert [(finding.kind, finding.where) for finding in found[-1]] == [("chain-disagrees", f"{CHAIN} newest anchor")]


async def test_a_node_that_lags_behind_for_a_moment_is_no_finding(chain: FakeChain, watch: ChainWatch) -> None:
    whole = checkpoints([3, 4])
    held = [chain.anchor(event.size, bytes.fromhex(event.root)) for event in whole]
    log = fold([*whole, *(event for anchor in held for event in verified(anchor))])
    for _ in range(3):
        chain.block = chain.final_block = 1
        chain.contract = held[0].anchor
        assert await look(watch, log) == []
        chain.block = chain.final_block = 2
        chain.contract = held[1].anchor
        assert await look(watch, log) == []


async def test_a_chain_that_is_down_is_not_judged(chain: FakeChain, watch: ChainWatch) -> None:
    chain.down = True
    assert await watch.read() is None


async def test_forged_blocks_are_a_finding_when_pass_after_pass_shows_them(
    chain: FakeChain, watch: ChainWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def forged(*_: object) -> list[AnchoredHead]:
        raise WrongContract("what stands there is not the anchor contract")

    chain.anchor(3, bytes(32))
    monkeypatch.setattr(chain, "anchors", forged)
    found = []
    for _ in range(PATIENCE):
        assert await watch.read() is None
        found.append([(finding.kind, finding.found) for finding in watch.judge_answers()])
    assert found[:-1] == [[]] * (PATIENCE - 1)
    assert found[-1] == [("chain-disagrees", "what stands there is not the anchor contract")]


async def test_a_chain_that_is_down_is_no_finding_however_long(chain: FakeChain, watch: ChainWatch) -> None:
    chain.down = True
    for _ in range(PATIENCE + 1):
        assert await watch.read() is None
        assert watch.judge_answers() == []


async def test_no_block_before_the_contract_is_read(chain: FakeChain) -> None:
    chain.block = chain.final_block = 41
    chain.anchor(3, bytes(32))
    await ChainWatch(WatchedContract(chain, 40), KEY.verifier.name).read()
    assert chain.asked == [(40, 42)]


async def test_an_answer_that_breaks_the_reading_does_not_blind_the_pass(
    chain: FakeChain, watch: ChainWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def nonsense(*_: object) -> list[AnchoredHead]:
        raise ValueError("not an address")

    monkeypatch.setattr(chain, "newest", nonsense)
    assert await watch.read() is None
    assert watch.judge_answers() == []


async def test_final_blocks_that_a_node_made_up_do_not_hide_the_ones_that_come(
    chain: FakeChain, watch: ChainWatch
) -> None:
    whole = checkpoints([3, 4])
    log = fold(whole)
    chain.anchor(3, bytes.fromhex(whole[0].root))
    honest, chain.block = chain.block, 10**9
    chain.final_block = chain.block
    await watch.read()
    chain.block = chain.final_block = honest
    chain.anchor(7, bytes.fromhex(whole[1].root))
    for _ in range(READ_ALL_EVERY):
        reading = await watch.read()
        assert reading is not None
        assert [held.anchor.size for held in reading.anchors] == [3, 7]
        assert watch.judge(reading, log, {}) == []


async def test_anchors_of_before_are_not_compared_each_with_each(
    chain: FakeChain, watch: ChainWatch, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = checkpoints([1] * 60)
    for event in whole:
        chain.anchor(event.size, bytes.fromhex(event.root))
    compared = list[AnchoredHead]()
    equal = AnchoredHead.__eq__

    def counted(one: AnchoredHead, other: object) -> bool:
        compared.append(one)
        return equal(one, other)

    monkeypatch.setattr(AnchoredHead, "__eq__", counted)
    log = fold(whole)
    assert [await look(watch, log) for _ in range(2)] == [[], []]
    assert len(compared) <= 2 * len(whole)
