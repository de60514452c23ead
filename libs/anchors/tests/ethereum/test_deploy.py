"""Putting the contract on a chain."""

from __future__ import annotations

from typing import Any

import pytest
from evote_anchors.errors import ChainUnavailable, WrongContract
from evote_anchors.ethereum.contract import ContractAt, verify_code
from evote_anchors.ethereum.deploy import deploy_contract
from evote_anchors.ethereum.fees import FeeCapReached, FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from hexbytes import HexBytes

pytestmark = pytest.mark.stack

FEES = FeePolicy(cap_wei=100 * 10**9, priority_wei=10**9)
OTHER = "0x70997970C51812dc3A010C7d01b50e0d17dc79C8"


async def test_a_deployed_contract_takes_anchors_of_the_named_account_only(
    chain: Any, key: AnchorerKey, clock: Any
) -> None:
    urls = (chain.node.rpc_url,)
    deployed = await deploy_contract(urls, 31337, key, FEES, anchorer=OTHER, within_s=10, clock=clock)
    code = HexBytes(await chain.rpc("eth_getCode", deployed.address, "latest"))
    verify_code(code, deployed.address)
    assert code[-20:] == HexBytes(OTHER)
    assert deployed.account == f"eip155:31337:{deployed.address}"
    receipt = await chain.rpc("eth_getTransactionReceipt", deployed.transaction)
    assert (int(receipt["blockNumber"], 16), int(receipt["gasUsed"], 16)) == (deployed.block, deployed.gas_used)


async def test_a_deployment_in_no_block_names_its_transaction(chain: Any, key: AnchorerKey) -> None:
    await chain.stop_mining()
    ticks = iter(range(1000))
    with pytest.raises(ChainUnavailable, match="in no block yet") as raised:
        await deploy_contract(
            (chain.node.rpc_url,), 31337, key, FEES, anchorer=key.address, within_s=4, clock=lambda: next(ticks)
        )
    (waiting,) = (await chain.waiting()).values()
    assert waiting["hash"] in str(raised.value)


async def test_a_deployment_never_costs_more_than_the_cap(chain: Any, key: AnchorerKey, clock: Any) -> None:
    cheap = FeePolicy(cap_wei=10, priority_wei=1)
    urls = (chain.node.rpc_url,)
    with pytest.raises(FeeCapReached):
        await deploy_contract(urls, 31337, key, cheap, anchorer=key.address, within_s=1, clock=clock)
    assert await chain.waiting() == {}


async def test_nothing_is_deployed_on_another_chain(chain: Any, key: AnchorerKey, clock: Any) -> None:
    urls = (chain.node.rpc_url,)
    with pytest.raises(WrongContract, match="chain 31337, not 1"):
        await deploy_contract(urls, 1, key, FEES, anchorer=key.address, within_s=1, clock=clock)


@pytest.mark.parametrize("code", [b"", b"\x60", b"\x60" * 400])
def test_other_code_is_not_taken_for_the_contract(code: bytes) -> None:
    with pytest.raises(WrongContract):
        verify_code(code, OTHER)


def test_the_account_is_the_same_however_the_address_is_written() -> None:
    names = {ContractAt((), 1, address, 0).account for address in (OTHER, OTHER.lower(), "0x" + OTHER[2:].upper())}
    assert names == {f"eip155:1:{OTHER}"}
