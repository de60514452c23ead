"""The development node, stopped and killed."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_local.nodes.anvil import CHAIN_ID, AnvilNode
from evote_local.nodes.ports import is_listening
from evote_local.nodes.processes import ProcessFailed

pytestmark = pytest.mark.stack


def rpc(node: AnvilNode, method: str, *params: Any) -> Any:
    body = {"jsonrpc": "2.0", "id": 1, "method": method, "params": params}
    return httpx.post(node.rpc_url, json=body, timeout=50).json()["result"]


def test_a_stopped_node_comes_back_with_its_chain(anvil: AnvilNode) -> None:
    rpc(anvil, "anvil_mine", "0x7")
    block = rpc(anvil, "eth_getBlockByNumber", "0x5", False)
    anvil.stop()
    assert not is_listening(anvil.port)
    anvil.start()
    assert rpc(anvil, "eth_getBlockByNumber", "0x5", False)["hash"] == block["hash"]
    assert int(rpc(anvil, "eth_blockNumber"), 16) == 7


def test_a_killed_node_comes_back_with_what_it_wrote_last(anvil: AnvilNode) -> None:
    rpc(anvil, "anvil_mine", "0x3")
    anvil.stop()
    anvil.start()
    rpc(anvil, "evm_setAutomine", False)
    rpc(anvil, "anvil_mine", "0x1")
    anvil.kill()
    anvil.start()
    assert int(rpc(anvil, "eth_blockNumber"), 16) in (3, 4)


def test_blocks_come_by_themselves_when_they_have_a_time(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path / "anvil", block_time_s=0.1, chain_id=7)
    node.start()
    try:
        assert int(rpc(node, "eth_chainId"), 16) == 7 != CHAIN_ID
        while int(rpc(node, "eth_blockNumber"), 16) < 2:  # a hang fails by the test's time limit
            pass
    finally:
        node.kill()


def test_a_node_that_can_not_start_says_why(tmp_path: Path) -> None:
    node = AnvilNode(tmp_path)
    (tmp_path / "state.json").write_text("half a st")
    with pytest.raises(ProcessFailed, match="before it was ready"):
        node.start()
