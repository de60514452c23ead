"""What a node answers is read as far as it is used, and "not there" is an error of the node's."""

from __future__ import annotations

from typing import Any

import pytest
from evote_anchors.ethereum.calls import Call, block_time, newest_base_fee, sender
from web3.exceptions import Web3Exception


@pytest.mark.parametrize("call", [block_time("0x01"), sender("0x02"), newest_base_fee()])
def test_a_block_or_transaction_that_is_gone_is_no_answer(call: Call[Any]) -> None:
    with pytest.raises(Web3Exception):
        call.read(None)


def test_a_chain_without_a_base_fee_asks_none() -> None:
    assert newest_base_fee().read({"timestamp": "0x1"}) == 0


def test_a_sender_is_written_as_the_contract_names_it() -> None:
    named = "0xf39Fd6e51aad88F6F4ce6aB8827279cffFb92266"
    assert sender("0x02").read({"from": named.lower()}) == named
