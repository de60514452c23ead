"""Anchors read back from a real chain."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest
from evote_anchors.anchor import Anchor, ChainHead
from evote_anchors.errors import WrongContract
from evote_anchors.ethereum import reader as reader_module
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.reader import EthereumReader
from evote_anchors.ethereum.writer import EthereumWriter

pytestmark = pytest.mark.stack

ORIGIN, OTHER = "vote.city.example/log", "other.city.example/log"


def head_of(size: int, origin: str = ORIGIN) -> Anchor:
    return Anchor(origin, size, size.to_bytes(32, "big"))


async def test_a_log_without_anchors_has_none(reader: EthereumReader) -> None:
    assert await reader.newest(ORIGIN) is None
    assert await reader.anchors(ORIGIN, 0, (await reader.head()).block) == []


async def test_what_was_anchored_is_read_back_with_its_block(
    writer: EthereumWriter, reader: EthereumReader, chain: Any, key: AnchorerKey
) -> None:
    await writer.submit(head_of(5))
    assert await reader.newest(ORIGIN) == head_of(5)
    number = (await reader.head()).block
    block = await chain.rpc("eth_getBlockByNumber", hex(number), False)
    (found,) = await reader.anchors(ORIGIN, 0, number)
    assert found.anchor == head_of(5)
    assert (found.transaction, found.block, found.block_hash) == (block["transactions"][0], number, block["hash"])
    assert found.block_time == datetime.fromtimestamp(int(block["timestamp"], 16), UTC)
    assert found.anchorer == key.address


async def test_anchors_of_other_logs_are_not_read(writer: EthereumWriter, reader: EthereumReader) -> None:
    for head in (head_of(1), head_of(9, OTHER), head_of(2)):
        await writer.submit(head)
    last = (await reader.head()).block
    assert [found.anchor for found in await reader.anchors(ORIGIN, 0, last)] == [head_of(1), head_of(2)]
    assert [found.anchor for found in await reader.anchors(OTHER, 0, last)] == [head_of(9, OTHER)]


async def test_first_and_last_block_count(writer: EthereumWriter, reader: EthereumReader) -> None:
    for size in (1, 2, 3, 4):
        await writer.submit(head_of(size))
    last = (await reader.head()).block
    sizes = [found.anchor.size for found in await reader.anchors(ORIGIN, last - 2, last - 1)]
    assert sizes == [2, 3]


async def test_a_block_is_final_when_enough_others_follow_it(
    chain: Any, new_reader: Callable[..., EthereumReader]
) -> None:
    block = int(await chain.rpc("eth_blockNumber"), 16)
    assert await new_reader(finality_depth=0).head() == ChainHead(block, block)
    assert await new_reader(finality_depth=64).head() == ChainHead(block, -1)
    await chain.mine(64)
    assert await new_reader(finality_depth=64).head() == ChainHead(block + 64, block)


@pytest.mark.parametrize("most_blocks", [1, 2, 3, 100])
async def test_a_long_history_is_read_in_pieces(
    writer: EthereumWriter, reader: EthereumReader, monkeypatch: pytest.MonkeyPatch, most_blocks: int
) -> None:
    monkeypatch.setattr(reader_module, "_MOST_BLOCKS", most_blocks)
    for size in range(1, 8):
        await writer.submit(head_of(size))
    found = await reader.anchors(ORIGIN, 0, (await reader.head()).block)
    assert [head.anchor.size for head in found] == list(range(1, 8))


async def test_the_anchor_contract_is_named_as_caip_10_says(new_reader: Callable[..., EthereumReader]) -> None:
    address = "0x5fbdb2315678afecb367f032d93f642f64180aa3"
    reader = new_reader(address=address)
    assert reader.anchor_contract == "eip155:31337:0x5FbDB2315678afecb367f032d93F642f64180aa3"
    assert reader.chain == "ethereum"


@pytest.mark.parametrize("changes", [{"address": "0x" + "11" * 20}, {"chain_id": 1}])
async def test_another_chain_or_contract_is_not_read(
    new_reader: Callable[..., EthereumReader], changes: dict[str, Any]
) -> None:
    with pytest.raises(WrongContract):
        await new_reader(**changes).newest(ORIGIN)


async def test_another_contract_at_the_address_is_not_read(
    chain: Any, contract: ContractAt, new_reader: Callable[..., EthereumReader]
) -> None:
    code = await chain.rpc("eth_getCode", contract.address, "latest")
    altered = code[:100] + ("00" if code[100:102] != "00" else "01") + code[102:]
    for other in (altered, code + "00", "0x6001"):
        await chain.rpc("anvil_setCode", contract.address, other)
        with pytest.raises(WrongContract):
            await new_reader().newest(ORIGIN)


def test_what_is_no_address_is_said_at_once(new_reader: Callable[..., EthereumReader]) -> None:
    with pytest.raises(WrongContract):
        new_reader(address="0x1234")
