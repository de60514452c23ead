"""Anchoring on a real chain: what is sent, what is refused, what it may cost."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
from eth_account import Account
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import AnchorRefused
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.fees import FeeCapReached, FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.writer import AccountTooPoor, EthereumWriter

pytestmark = pytest.mark.stack

ORIGIN, OTHER = "vote.city.example/log", "other.city.example/log"
GWEI = 10**9
REPLACE_AFTER_S = 60

Anchored = Callable[[], Awaitable[list[AnchoredHead]]]
NewWriter = Callable[..., EthereumWriter]


def head_of(size: int, origin: str = ORIGIN, root: bytes | None = None) -> Anchor:
    return Anchor(origin, size, root if root is not None else size.to_bytes(32, "big"))


async def sizes(anchored: Anchored) -> list[int]:
    return [found.anchor.size for found in await anchored()]


async def test_a_head_that_is_anchored_is_not_sent_again(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, anchored: Anchored
) -> None:
    await writer.submit(head_of(5))
    before = await chain.transactions_in_blocks()
    await writer.submit(head_of(5))
    await new_writer().submit(head_of(5))
    assert await chain.transactions_in_blocks() == before
    assert await sizes(anchored) == [5]


async def test_a_head_that_gets_into_a_block_between_two_answers_is_not_sent_again(
    new_writer: NewWriter, contract: ContractAt, chain: Any, doorway: Any
) -> None:
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    await writer.submit(head_of(5))
    before, stale = await chain.transactions_in_blocks(), [{"result": f"0x{0:0128x}"}]

    def rule(method: str, params: list[Any]) -> Any:
        # Of several calls in one request a node may answer any first: this one before the block, the counts behind it.
        return stale.pop() if method == "eth_call" and stale else "pass"

    doorway.rule = rule
    await writer.submit(head_of(5))
    assert not stale
    assert await chain.transactions_in_blocks() == before


@pytest.mark.parametrize("head", [head_of(4), head_of(5, root=b"\xff" * 32)])
async def test_what_the_contract_would_refuse_is_refused_before_it_costs(
    writer: EthereumWriter, chain: Any, head: Anchor
) -> None:
    await writer.submit(head_of(5))
    before = await chain.transactions_in_blocks()
    with pytest.raises(AnchorRefused, match="size 5"):
        await writer.submit(head)
    assert await chain.transactions_in_blocks() == before


async def test_another_root_for_a_size_that_is_on_its_way_is_refused(writer: EthereumWriter, chain: Any) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(5))
    with pytest.raises(AnchorRefused, match="on its way"):
        await writer.submit(head_of(5, root=b"\xff" * 32))


async def test_a_key_that_is_not_the_anchorers_is_refused_before_it_costs(new_writer: NewWriter, chain: Any) -> None:
    stranger = AnchorerKey(Account.from_key(b"\x07" * 32))
    with pytest.raises(AnchorRefused, match=stranger.address):
        await new_writer(with_key=stranger).submit(head_of(1))
    assert await chain.waiting() == {}


async def test_an_account_without_funds_says_so_and_goes_on_when_it_has_some(
    writer: EthereumWriter, chain: Any, key: AnchorerKey, anchored: Anchored, clock: Any
) -> None:
    await chain.rpc("anvil_setBalance", key.address, "0x1")
    for _ in range(40):  # what was refused is not outbid, up to the cap
        with pytest.raises(AccountTooPoor, match=key.address):
            await writer.submit(head_of(1))
        clock.now += REPLACE_AFTER_S
    await chain.rpc("anvil_setBalance", key.address, hex(10**18))
    await writer.submit(head_of(1))
    assert await sizes(anchored) == [1]


async def test_heads_follow_each_other_without_waiting_for_blocks(
    writer: EthereumWriter, chain: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    for size in (1, 2, 3):
        await writer.submit(head_of(size))
    assert len(await chain.waiting()) == 3
    await chain.mine()
    assert await sizes(anchored) == [1, 2, 3]


async def test_repeating_a_head_that_is_on_its_way_sends_nothing(writer: EthereumWriter, chain: Any) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(1))
    before = await chain.waiting()
    await writer.submit(head_of(1))
    assert await chain.waiting() == before


async def test_no_more_than_the_bound_wait(new_writer: NewWriter, chain: Any, anchored: Anchored) -> None:
    writer = new_writer(max_pending=2)
    await chain.stop_mining()
    for size in (1, 2, 3, 4):
        await writer.submit(head_of(size))
    assert len(await chain.waiting()) == 2
    await chain.mine()
    await writer.submit(head_of(4))
    await chain.mine()
    assert await sizes(anchored) == [1, 2, 4]


async def test_a_stuck_anchor_is_outbid_with_the_newest_head_in_its_place(
    new_writer: NewWriter, chain: Any, clock: Any, anchored: Anchored
) -> None:
    writer = new_writer(max_pending=1)
    await chain.stop_mining()
    await writer.submit(head_of(1))
    ((nonce, first),) = (await chain.waiting()).items()
    clock.now += REPLACE_AFTER_S - 1
    await writer.submit(head_of(2))
    assert await chain.waiting() == {nonce: first}
    clock.now += 1
    await writer.submit(head_of(2))
    ((same_nonce, second),) = (await chain.waiting()).items()
    assert same_nonce == nonce
    for part in ("maxFeePerGas", "maxPriorityFeePerGas"):
        assert int(second[part], 16) * 8 >= int(first[part], 16) * 9
    await chain.mine()
    assert await sizes(anchored) == [2]


async def test_when_prices_rise_past_an_offer_the_anchor_is_outbid_and_mined(
    writer: EthereumWriter, chain: Any, clock: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(1))
    await chain.raise_base_fee(20 * GWEI)
    await chain.mine()
    assert await sizes(anchored) == []
    clock.now += REPLACE_AFTER_S
    await writer.submit(head_of(1))
    await chain.mine()
    assert await sizes(anchored) == [1]


async def test_those_behind_a_stuck_one_are_used_again(
    writer: EthereumWriter, chain: Any, clock: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    for size in (1, 2, 3):
        await writer.submit(head_of(size))
    clock.now += REPLACE_AFTER_S
    for size in (4, 5, 6):  # 4 takes the place of 1, so that 2 and 3 would fail: 5 and 6 take theirs
        await writer.submit(head_of(size))
    assert len(await chain.waiting()) == 3
    await chain.mine()
    assert await sizes(anchored) == [4, 5, 6]


async def test_above_the_cap_an_anchor_waits_and_says_so(
    writer: EthereumWriter, chain: Any, anchored: Anchored, caplog: pytest.LogCaptureFixture
) -> None:
    await chain.raise_base_fee(101 * GWEI)
    await chain.mine()
    await chain.stop_mining()
    with pytest.raises(FeeCapReached, match="cap is 100"):
        await writer.submit(head_of(1))
    assert "cap is 100" in caplog.text
    assert await chain.waiting() == {}
    await chain.raise_base_fee(10 * GWEI)
    await chain.mine()
    await writer.submit(head_of(1))
    await chain.mine()
    assert await sizes(anchored) == [1]


async def test_no_replacement_ever_offers_more_than_the_cap(new_writer: NewWriter, chain: Any, clock: Any) -> None:
    writer = new_writer(fees=FeePolicy(cap_wei=5 * GWEI, priority_wei=GWEI))
    await chain.stop_mining()
    with pytest.raises(FeeCapReached):
        for size in range(1, 100):
            await writer.submit(head_of(size))
            clock.now += REPLACE_AFTER_S
    (waiting,) = (await chain.waiting()).values()
    assert 4 * GWEI < int(waiting["maxFeePerGas"], 16) <= 5 * GWEI


async def test_logs_share_an_account(writer: EthereumWriter, chain: Any, clock: Any, reader: Any) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(9, OTHER))
    await writer.submit(head_of(1))
    clock.now += REPLACE_AFTER_S
    await writer.submit(head_of(2))  # outbids the other log's, which keeps its place
    await chain.mine()
    await writer.submit(head_of(2))
    await chain.mine()
    assert (await reader.newest(ORIGIN), await reader.newest(OTHER)) == (head_of(2), head_of(9, OTHER))
