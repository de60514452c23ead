"""The auditor's program against a real Ethereum node with the real anchor contract."""

from __future__ import annotations

import asyncio
import time

import pytest
from eth_account import Account
from evote_anchors.anchor import Anchor
from evote_anchors.ethereum.contract import ContractAt
from evote_anchors.ethereum.deploy import deploy_contract
from evote_anchors.ethereum.fees import FeePolicy
from evote_anchors.ethereum.key import AnchorerKey
from evote_anchors.ethereum.writer import EthereumWriter, SendingPolicy
from evote_local.nodes.anvil import CHAIN_ID, DEVELOPMENT_KEY, AnvilNode

pytestmark = pytest.mark.stack

FEES = FeePolicy(cap_wei=10**11, priority_wei=10**9)


@pytest.fixture
def anchor(anvil: AnvilNode):
    """Deploys the contract and puts these heads on the chain, each in its block; returns the contract's account."""

    async def deploy_and_submit(heads: list[Anchor]) -> str:
        key = AnchorerKey(Account.from_key(DEVELOPMENT_KEY))
        contract = await deploy_contract(
            [anvil.rpc_url], CHAIN_ID, key, FEES, anchorer=key.address, within_s=50, clock=time.monotonic
        )
        place = ContractAt((anvil.rpc_url,), CHAIN_ID, contract.address, finality_depth=0)
        writer = EthereumWriter(place, key, SendingPolicy(FEES, replace_after_s=60), time.monotonic)
        try:
            for head in heads:
                await writer.submit(head)
                while await writer.newest(head.origin) != head:  # noqa: ASYNC110 - the chain tells nobody
                    await asyncio.sleep(0.05)
        finally:
            await writer.close()
        return contract.account

    return lambda heads: asyncio.run(deploy_and_submit(heads))


def test_anchors_on_a_real_chain_are_heads_of_the_log(evote_verify, anvil, anchor, log, held, make) -> None:
    contract = anchor([Anchor(make.origin, size, make.root_at(held.records, size)) for size in (5, len(held.records))])
    arguments = ("--log", log.url, "--ethereum", anvil.rpc_url, "--contract", contract)
    answer = evote_verify(*arguments, "--finality-depth", 0)
    assert answer.status == 0, answer.report + answer.error
    ethereum = answer.tie("checkpoint - ethereum")
    assert contract in ethereum and "2 anchors from block 0 on, each the head" in ethereum
    assert f"it covers {len(held.records)} of {len(held.records)} records" in ethereum
    later = evote_verify(*arguments, "--finality-depth", 0, "--contract-block", 3)
    assert later.status == 0 and "1 anchors from block 3 on" in later.tie("checkpoint - ethereum")
    shallow = evote_verify(*arguments, "--finality-depth", 1)
    assert shallow.status == 0 and f"it covers 5 of {len(held.records)} records" in shallow.tie("checkpoint - ethereum")


def test_a_rewritten_log_contradicts_a_real_chain(
    evote_verify, anvil, anchor, log, held, other_held, log_key, make
) -> None:
    contract = anchor([Anchor(make.origin, 9, make.root_at(held.records, 9))])
    log.files = make.files(other_held.records, log_key)
    answer = evote_verify("--log", log.url, "--ethereum", anvil.rpc_url, "--contract", contract)
    assert answer.status == 1 and "the root at size 9" in answer.tie("checkpoint - ethereum")


def test_an_address_without_the_contract_is_unusable(evote_verify, anvil, log) -> None:
    nobody = f"eip155:{CHAIN_ID}:0x{'11' * 20}"
    answer = evote_verify("--log", log.url, "--ethereum", anvil.rpc_url, "--contract", nobody)
    assert answer.status == 2 and "there is no contract" in answer.error


def test_a_node_out_of_reach_leaves_the_verification_unfinished(evote_verify, log) -> None:
    nobody = f"eip155:{CHAIN_ID}:0x{'11' * 20}"
    answer = evote_verify("--log", log.url, "--ethereum", "http://127.0.0.1:9/token", "--contract", nobody)
    assert answer.status == 3 and answer.tie("checkpoint - ethereum").startswith("unfinished")
    assert "token" not in answer.report, "an endpoint's address may hold a secret"
