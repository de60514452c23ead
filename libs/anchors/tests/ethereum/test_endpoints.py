"""Which endpoint is used, and when it is left for another."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from evote_anchors.anchor import Anchor
from evote_anchors.errors import ChainUnavailable, WrongContract
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.reader import EthereumReader
from evote_anchors.ethereum.writer import EthereumWriter
from evote_local.nodes.anvil import AnvilNode
from evote_local.nodes.ports import LOOPBACK, free_port

pytestmark = pytest.mark.stack

ORIGIN = "vote.city.example/log"
HEAD = Anchor(ORIGIN, 5, b"\x05" * 32)


def every(fate: Any) -> Callable[[str, list[Any]], Any]:
    return lambda method, params: fate


@pytest.mark.parametrize(
    "fate",
    [
        503,
        429,
        401,
        "garbage",
        "hang",
        "drop",
        {"error": {"code": 429, "message": "slow down"}},
        {"error": {"code": -32603, "message": "internal"}},
        {"neither": "result nor error"},
    ],
)
async def test_the_next_endpoint_answers_when_one_does_not(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any, fate: Any
) -> None:
    await writer.submit(HEAD)
    doorway.rule = every(fate)
    # Of one that hangs no more is seen; those that answer may take their time on a busy machine.
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url), call_timeout_s=3 if fate == "hang" else 30)
    assert await reader.newest(ORIGIN) == HEAD


async def test_an_endpoint_that_fails_later_is_left_and_the_next_one_kept(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    await writer.submit(HEAD)
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url))
    await reader.head()
    assert "eth_blockNumber" in doorway.calls
    doorway.rule = every(503)
    assert await reader.newest(ORIGIN) == HEAD
    doorway.rule = every("pass")
    doorway.calls.clear()
    assert await reader.newest(ORIGIN) == HEAD
    assert doorway.calls == []


async def test_an_endpoint_nobody_listens_at_is_passed_over(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any
) -> None:
    await writer.submit(HEAD)
    nobody = f"http://{LOOPBACK}:{free_port()}"
    assert await new_reader(rpc_urls=(nobody, chain.node.rpc_url)).newest(ORIGIN) == HEAD


async def test_an_endpoint_of_another_chain_is_never_used(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, tmp_path: Path
) -> None:
    await writer.submit(HEAD)
    other = AnvilNode(tmp_path / "other", chain_id=5)
    other.start()
    try:
        assert await new_reader(rpc_urls=(other.rpc_url, chain.node.rpc_url)).newest(ORIGIN) == HEAD
        with pytest.raises(WrongContract, match="chain 5, not 31337"):
            await new_reader(rpc_urls=(other.rpc_url,)).newest(ORIGIN)
    finally:
        other.kill()


async def test_a_node_of_another_history_of_the_chain_is_never_used(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, tmp_path: Path
) -> None:
    await writer.submit(HEAD)
    forgetful = AnvilNode(tmp_path / "forgetful")
    forgetful.start()
    try:
        assert await new_reader(rpc_urls=(forgetful.rpc_url, chain.node.rpc_url)).newest(ORIGIN) == HEAD
    finally:
        forgetful.kill()


async def test_a_node_that_is_synchronising_or_far_behind_is_not_used(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    await writer.submit(HEAD)
    await chain.mine(6)
    reads = []

    def count(answers: dict[str, Any]) -> Callable[[str, list[Any]], Any]:
        def rule(method: str, params: list[Any]) -> Any:
            reads.append(method)
            return {"result": answers[method]} if method in answers else "pass"

        return rule

    for answers in ({"eth_syncing": {"currentBlock": "0x1", "highestBlock": "0x9"}}, {"eth_blockNumber": "0x1"}):
        doorway.rule = count(answers)
        assert await new_reader(rpc_urls=(doorway.url, chain.node.rpc_url)).newest(ORIGIN) == HEAD
        assert "eth_call" not in reads


async def test_an_endpoint_that_falls_behind_is_left_within_half_a_minute(
    new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any, clock: Any
) -> None:
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url))
    stopped = (await reader.head()).block
    await chain.mine(10)
    doorway.rule = lambda method, params: {"result": hex(stopped)} if method == "eth_blockNumber" else "pass"
    assert (await reader.head()).block == stopped
    clock.now += 30
    assert (await reader.head()).block == stopped + 10


async def test_anchors_are_not_read_from_an_endpoint_that_has_not_got_their_blocks(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    await writer.submit(HEAD)
    last = (await writer.head()).block
    behind = {"eth_blockNumber": {"result": hex(last - 1)}, "eth_getLogs": {"result": []}}
    doorway.rule = lambda method, params: behind.get(method, "pass")
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url))
    assert [found.anchor for found in await reader.anchors(ORIGIN, 0, last)] == [HEAD]
    with pytest.raises(ChainUnavailable, match=f"block {last}"):
        await new_reader(rpc_urls=(doorway.url,)).anchors(ORIGIN, 0, last)


async def test_a_block_that_comes_between_two_calls_of_a_request_hides_no_anchor(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    await writer.submit(HEAD)
    last, searched = (await writer.head()).block, False

    def rule(method: str, params: list[Any]) -> Any:
        """A node that gets the last block behind a search, and works on the search before the height."""
        nonlocal searched
        if method == "eth_blockNumber":
            return {"result": hex(last if searched else last - 1)}
        if method != "eth_getLogs" or searched:
            return "pass"
        searched = True
        return {"result": []}

    doorway.rule = rule
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url))
    assert [found.anchor for found in await reader.anchors(ORIGIN, 0, last)] == [HEAD]


async def test_all_endpoints_failing_is_said_without_their_tokens(
    new_reader: Callable[..., EthereumReader], doorway: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="evote_anchors")
    doorway.rule = every(503)
    nobody = f"http://user:secret-token@{LOOPBACK}:{free_port()}/secret-token"
    with pytest.raises(ChainUnavailable, match="HTTP status 503") as raised:
        await new_reader(rpc_urls=(doorway.url, nobody)).newest(ORIGIN)
    assert "secret-token" in doorway.url
    assert "secret-token" not in str(raised.value) + caplog.text


async def test_a_provider_that_limits_ranges_is_asked_for_less(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    for size in (1, 2, 3):
        await writer.submit(Anchor(ORIGIN, size, b"\x01" * 32))
        await chain.mine(20)
    limit = 7

    def rule(method: str, params: list[Any]) -> Any:
        if method != "eth_getLogs" or int(params[0]["toBlock"], 16) - int(params[0]["fromBlock"], 16) < limit:
            return "pass"
        return {"error": {"code": -32005, "message": "query returned more than 10000 results"}}

    doorway.rule = rule
    reader = new_reader(rpc_urls=(doorway.url,))
    found = await reader.anchors(ORIGIN, 0, (await reader.head()).block)
    assert [head.anchor.size for head in found] == [1, 2, 3]
    limit = 0
    with pytest.raises(ChainUnavailable, match="10000 results"):
        await reader.anchors(ORIGIN, 0, 10)


async def test_a_reader_works_again_when_its_node_is_back(
    writer: EthereumWriter, reader: EthereumReader, chain: Any, contract: ContractAt
) -> None:
    await writer.submit(HEAD)
    chain.node.stop()
    with pytest.raises(ChainUnavailable):
        await reader.newest(ORIGIN)
    chain.node.start()
    assert await reader.newest(ORIGIN) == HEAD


async def test_a_look_for_anchors_takes_two_requests_and_a_head_at_most_three(
    new_writer: Callable[..., EthereumWriter], contract: ContractAt, doorway: Any
) -> None:
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    await writer.submit(HEAD)
    last, asked = (await writer.head()).block, doorway.requests
    assert [found.anchor for found in await writer.anchors(ORIGIN, 0, last)] == [HEAD]
    assert doorway.requests - asked == 2
    asked = doorway.requests
    await writer.submit(replace(HEAD, size=HEAD.size + 1))
    assert doorway.requests - asked == 3
    assert doorway.calls[-1] == "eth_sendRawTransaction"


@pytest.mark.parametrize("refusal", [400, 405, 500, {"error": {"code": -32600, "message": "no batches"}}])
async def test_an_endpoint_that_takes_no_calls_together_is_asked_one_by_one(
    refusal: Any, new_writer: Callable[..., EthereumWriter], contract: ContractAt, doorway: Any
) -> None:
    doorway.batches = refusal
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    await writer.submit(HEAD)
    doorway.batches = "pass"
    asked, calls = doorway.requests, len(doorway.calls)
    last = (await writer.head()).block
    assert [found.anchor for found in await writer.anchors(ORIGIN, 0, last)] == [HEAD]
    assert doorway.requests - asked == len(doorway.calls) - calls == 5


async def test_an_outage_between_does_not_part_calls_for_ever(
    new_writer: Callable[..., EthereumWriter], contract: ContractAt, doorway: Any
) -> None:
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    await writer.submit(HEAD)
    doorway.rule = every(503)
    with pytest.raises(ChainUnavailable, match="HTTP status 503"):
        await writer.submit(replace(HEAD, size=HEAD.size + 1))
    doorway.rule = lambda method, params: "pass"
    last, asked = (await writer.head()).block, doorway.requests
    assert [found.anchor for found in await writer.anchors(ORIGIN, 0, last)] == [HEAD]
    assert doorway.requests - asked == 2


async def test_a_batch_that_is_too_large_for_geth_is_asked_one_by_one_and_the_next_one_together(
    new_writer: Callable[..., EthereumWriter],
    contract: ContractAt,
    doorway: Any,
    clock: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    await writer.submit(HEAD)
    last = (await writer.head()).block

    async def look() -> int:
        asked = doorway.requests
        assert [found.anchor for found in await writer.anchors(ORIGIN, 0, last)] == [HEAD]
        return doorway.requests - asked

    doorway.most_together = 1
    assert await look() == 5  # with the batch that was refused
    assert await look() == 4
    clock.now += 30
    await writer.head()  # the endpoints are looked at
    assert await look() == 5
    assert caplog.text.count("takes no calls together") == 1
    doorway.most_together = None
    assert await look() == 4
    clock.now += 30
    await writer.head()
    assert await look() == 2


async def test_many_anchors_are_told_by_batches_of_twenty_calls_at_most(
    new_writer: Callable[..., EthereumWriter],
    contract: ContractAt,
    doorway: Any,
    caplog: pytest.LogCaptureFixture,
) -> None:
    doorway.most_together = 20
    writer = new_writer(at=replace(contract, rpc_urls=(doorway.url,)))
    sizes = list(range(1, 13))
    for size in sizes:
        await writer.submit(replace(HEAD, size=size))
    last = (await writer.head()).block
    assert [found.anchor.size for found in await writer.anchors(ORIGIN, 0, last)] == sizes
    assert "together" not in caplog.text


@pytest.mark.parametrize("answered", [[], [{"id": 10**6, "result": "0x0"}], ["0x0"], [{"id": [], "result": "0x0"}]])
async def test_answers_to_other_calls_than_were_asked_are_none_and_these_are_asked_one_by_one(
    answered: list[Any], writer: EthereumWriter, new_reader: Callable[..., EthereumReader], chain: Any, doorway: Any
) -> None:
    await writer.submit(HEAD)
    last = (await writer.head()).block
    doorway.batches = answered
    reader = new_reader(rpc_urls=(doorway.url, chain.node.rpc_url))
    assert [found.anchor for found in await reader.anchors(ORIGIN, 0, last)] == [HEAD]
    assert [found.anchor for found in await new_reader(rpc_urls=(doorway.url,)).anchors(ORIGIN, 0, last)] == [HEAD]


async def test_answers_come_in_any_order(
    writer: EthereumWriter, new_reader: Callable[..., EthereumReader], doorway: Any
) -> None:
    await writer.submit(HEAD)
    last = (await writer.head()).block
    # An answer of its own has the doorway ask each alone, and answer backwards.
    doorway.rule = lambda method, params: {"result": hex(last)} if method == "eth_blockNumber" else "pass"
    reader = new_reader(rpc_urls=(doorway.url,))
    assert [found.anchor for found in await reader.anchors(ORIGIN, 0, last)] == [HEAD]
