"""Crashes, restarts, reorganisations and lost mempools: a size is anchored once, and the newest gets there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from evote_anchors.anchor import Anchor, AnchoredHead
from evote_anchors.errors import ChainUnavailable
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.fees import FeeCapReached, FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.writer import EthereumWriter

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


async def test_what_a_node_forgot_is_sent_again(writer: EthereumWriter, chain: Any, anchored: Anchored) -> None:
    await chain.stop_mining()
    for size in (1, 2):
        await writer.submit(head_of(size))
    await chain.forget_waiting()
    await writer.submit(head_of(3))
    await chain.mine()
    assert await sizes(anchored) == [1, 2, 3]


async def test_a_gap_that_a_forgotten_one_leaves_is_closed(
    writer: EthereumWriter, chain: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    for size in (1, 2, 3):
        await writer.submit(head_of(size))
    first = min((await chain.waiting()).items())[1]
    await chain.rpc("anvil_dropTransaction", first["hash"])
    await writer.submit(head_of(3))
    await chain.mine()
    assert await sizes(anchored) == [1, 2, 3]


@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
async def test_an_anchor_that_is_reorganised_away_is_sent_again(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, anchored: Anchored, restarted: bool
) -> None:
    for size in (1, 2, 3):
        await writer.submit(head_of(size))
    await chain.reorganise(2)
    assert await sizes(anchored) == [1]
    await (new_writer() if restarted else writer).submit(head_of(3))
    assert await sizes(anchored) == [1, 3]


async def test_a_reorganisation_below_waiting_anchors_leaves_no_gap(
    writer: EthereumWriter, chain: Any, anchored: Anchored, clock: Any
) -> None:
    await writer.submit(head_of(1))
    await writer.submit(head_of(2))
    await chain.stop_mining()
    await writer.submit(head_of(3))
    await chain.reorganise(1)
    for _ in range(2):
        await writer.submit(head_of(4))
        await chain.mine()
    found = await sizes(anchored)
    assert (found[0], found[-1]) == (1, 4)
    assert found == sorted(set(found))
    assert await chain.waiting() == {}


async def test_a_restarted_writer_lets_its_predecessors_anchors_finish(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(1))
    before = await chain.waiting()
    successor = new_writer()
    for size in (1, 2):
        await successor.submit(head_of(size))
        assert await chain.waiting() == before
    await chain.mine()
    await successor.submit(head_of(2))
    await chain.mine()
    assert await sizes(anchored) == [1, 2]


async def test_a_restarted_writer_takes_over_what_does_not_finish(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, clock: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    await writer.submit(head_of(1))
    clock.now += REPLACE_AFTER_S  # how long it waited before the restart is not known any more
    successor = new_writer()
    await successor.submit(head_of(2))
    (old,) = (await chain.waiting()).values()
    clock.now += REPLACE_AFTER_S
    await successor.submit(head_of(2))
    (new,) = (await chain.waiting()).values()
    assert (new["nonce"], new["hash"] != old["hash"]) == (old["nonce"], True)
    await chain.mine()
    assert await sizes(anchored) == [2]


@pytest.mark.parametrize("fate", ["drop", "lose"])
@pytest.mark.parametrize("restarted", [True, False], ids=["restarted", "running"])
@pytest.mark.parametrize("mined_at_once", [True, False], ids=["mined", "waiting"])
async def test_a_broadcast_of_unknown_outcome_anchors_once(
    contract: ContractAt,
    new_writer: NewWriter,
    chain: Any,
    doorway: Any,
    anchored: Anchored,
    fate: str,
    restarted: bool,
    mined_at_once: bool,
) -> None:
    at = ContractAt((doorway.url,), contract.chain_id, contract.address, finality_depth=0)
    writer = new_writer(at)
    if not mined_at_once:
        await chain.stop_mining()
    before = await chain.transactions_in_blocks()
    doorway.rule = lambda method, params: fate if method == "eth_sendRawTransaction" else "pass"
    with pytest.raises(ChainUnavailable):
        await writer.submit(head_of(1))
    doorway.rule = lambda method, params: "pass"
    writer = new_writer(at) if restarted else writer
    for _ in range(2):
        await writer.submit(head_of(1))
        await chain.mine()
    assert await sizes(anchored) == [1]
    assert await chain.transactions_in_blocks() == before + 1


async def test_a_broadcast_whose_answer_is_lost_does_not_hold_up_the_next(
    contract: ContractAt, new_writer: NewWriter, chain: Any, doorway: Any, anchored: Anchored
) -> None:
    writer = new_writer(ContractAt((doorway.url,), contract.chain_id, contract.address, finality_depth=0))
    await chain.stop_mining()
    doorway.rule = lambda method, params: "lose" if method == "eth_sendRawTransaction" else "pass"
    with pytest.raises(ChainUnavailable):
        await writer.submit(head_of(1))
    doorway.rule = lambda method, params: "pass"
    await writer.submit(head_of(2))
    await chain.mine()
    assert await sizes(anchored) == [1, 2]


async def test_a_predecessor_that_offered_more_is_outbid_all_the_same(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, clock: Any, anchored: Anchored
) -> None:
    await chain.stop_mining()
    await new_writer(fees=FeePolicy(cap_wei=50 * GWEI, priority_wei=20 * GWEI)).submit(head_of(1))
    (old,) = (await chain.waiting()).values()
    await writer.submit(head_of(2))
    clock.now += REPLACE_AFTER_S
    await writer.submit(head_of(2))
    (new,) = (await chain.waiting()).values()
    assert int(old["maxFeePerGas"], 16) < int(new["maxFeePerGas"], 16) <= 100 * GWEI
    await chain.mine()
    assert await sizes(anchored) == [2]


async def test_a_replacement_that_is_refused_leaves_what_it_stood_in_for(
    contract: ContractAt, new_writer: NewWriter, chain: Any, doorway: Any, clock: Any, anchored: Anchored
) -> None:
    writer = new_writer(ContractAt((doorway.url,), contract.chain_id, contract.address, finality_depth=0))
    await chain.stop_mining()
    await writer.submit(head_of(1))
    clock.now += REPLACE_AFTER_S
    refused = {"error": {"code": -32000, "message": "replacement transaction underpriced"}}
    doorway.rule = lambda method, params: refused if method == "eth_sendRawTransaction" else "pass"
    with pytest.raises(FeeCapReached):
        await writer.submit(head_of(2))
    doorway.rule = lambda method, params: "pass"
    await writer.submit(head_of(2))  # an eighth above what is there, not above what was refused
    (waiting,) = (await chain.waiting()).values()
    assert int(waiting["maxFeePerGas"], 16) < 10 * GWEI
    await chain.mine()
    assert await sizes(anchored) == [2]


async def test_a_nonce_that_was_taken_while_we_looked_is_looked_up_again(
    contract: ContractAt, new_writer: NewWriter, chain: Any, doorway: Any, key: AnchorerKey, anchored: Anchored
) -> None:
    writer = new_writer(ContractAt((doorway.url,), contract.chain_id, contract.address, finality_depth=0))
    before = await chain.rpc("eth_getTransactionCount", key.address, "latest")
    await writer.submit(head_of(1))
    stale = 2

    def rule(method: str, params: list[Any]) -> Any:
        nonlocal stale
        if method != "eth_getTransactionCount" or stale == 0:
            return "pass"
        stale -= 1
        return {"result": before}

    doorway.rule = rule
    await writer.submit(head_of(2))
    assert await sizes(anchored) == [1, 2]
    stale = 1000
    with pytest.raises(ChainUnavailable, match="another program"):
        await writer.submit(head_of(3))
    assert await sizes(anchored) == [1, 2]


@pytest.mark.parametrize("automine", [True, False], ids=["mined", "waiting"])
async def test_the_next_endpoint_may_be_given_what_the_first_one_took(
    contract: ContractAt, new_writer: NewWriter, chain: Any, doorway: Any, anchored: Anchored, automine: bool
) -> None:
    urls = (doorway.url, chain.node.rpc_url)
    writer = new_writer(ContractAt(urls, contract.chain_id, contract.address, finality_depth=0))
    if not automine:
        await chain.stop_mining()
    before = await chain.transactions_in_blocks()
    doorway.rule = lambda method, params: "lose" if method == "eth_sendRawTransaction" else "pass"
    await writer.submit(head_of(1))
    await chain.mine()
    assert await sizes(anchored) == [1]
    assert await chain.transactions_in_blocks() == before + 1


@pytest.mark.parametrize("calls_before_it_ends", range(12))
async def test_a_writer_that_ends_at_any_call_has_a_successor_that_anchors_once(
    contract: ContractAt,
    new_writer: NewWriter,
    chain: Any,
    doorway: Any,
    anchored: Anchored,
    calls_before_it_ends: int,
) -> None:
    at = ContractAt((doorway.url,), contract.chain_id, contract.address, finality_depth=0)
    left = calls_before_it_ends
    await chain.stop_mining()

    def rule(method: str, params: list[Any]) -> Any:
        nonlocal left
        left -= 1
        return "pass" if left >= 0 else "drop"

    doorway.rule = rule
    try:
        await new_writer(at).submit(head_of(1))
        ended = False
    except ChainUnavailable:
        ended = True
    assert ended == (left < 0)
    doorway.rule = lambda method, params: "pass"
    successor = new_writer(at)
    for _ in range(2):
        await successor.submit(head_of(2))
        await chain.mine()
    found = await sizes(anchored)
    assert found in ([2], [1, 2])
    assert await chain.waiting() == {}


async def test_a_node_that_is_killed_with_an_anchor_in_flight_loses_none(
    writer: EthereumWriter, chain: Any, anchored: Anchored
) -> None:
    await writer.submit(head_of(1))
    chain.node.stop()  # writes the chain
    chain.node.start()
    await chain.stop_mining()
    await writer.submit(head_of(2))
    chain.node.kill()
    with pytest.raises(ChainUnavailable):
        await writer.submit(head_of(3))
    chain.node.start()
    assert await sizes(anchored) == [1]
    assert await chain.waiting() == {}
    await writer.submit(head_of(3))
    await chain.mine()
    assert await sizes(anchored) == [1, 2, 3]


async def test_two_writers_of_one_key_never_anchor_a_size_twice(
    writer: EthereumWriter, new_writer: NewWriter, chain: Any, anchored: Anchored, clock: Any
) -> None:
    other = new_writer()
    await chain.stop_mining()
    for size in range(1, 7):
        for each in (writer, other):
            await each.submit(head_of(size))
        clock.now += REPLACE_AFTER_S / 2
        if size % 2:
            await chain.mine()
    for _ in range(3):
        await chain.mine()
        for each in (writer, other):
            await each.submit(head_of(6))
    found = await sizes(anchored)
    assert found == sorted(set(found))
    assert found[-1] == 6
