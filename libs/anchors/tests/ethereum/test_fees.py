"""What an anchor may cost."""

from __future__ import annotations

import pytest
from evote_anchors.ethereum.fees import Fee, FeeCapReached, FeePolicy
from evote_anchors.ethereum.refusals import Refusal, refusal_of
from hypothesis import given
from hypothesis import strategies as st

WEI = st.integers(0, 10**13)
POLICIES = st.builds(FeePolicy, cap_wei=WEI, priority_wei=WEI)


@given(POLICIES, WEI)
def test_an_offer_is_payable_now_and_never_above_the_cap(policy: FeePolicy, base_fee: int) -> None:
    try:
        fee = policy.offer(base_fee)
    except FeeCapReached as reached:
        assert base_fee > policy.cap_wei
        assert (reached.cap_wei, reached.needed_wei) == (policy.cap_wei, base_fee)
    else:
        assert base_fee <= fee.max_wei <= policy.cap_wei
        assert fee.priority_wei <= fee.max_wei  # else nodes refuse it (EIP-1559)


@given(POLICIES, WEI, WEI, WEI)
def test_outbidding_adds_an_eighth_to_both_parts_and_never_passes_the_cap(
    policy: FeePolicy, base_fee: int, old_max: int, old_priority: int
) -> None:
    old = Fee(max(old_max, old_priority), min(old_max, old_priority))
    try:
        fee = policy.outbid(old, base_fee)
    except FeeCapReached as reached:
        assert reached.needed_wei > policy.cap_wei
    else:
        assert base_fee <= fee.max_wei <= policy.cap_wei
        assert fee.max_wei * 8 >= old.max_wei * 9
        assert fee.priority_wei * 8 >= old.priority_wei * 9
        assert fee.priority_wei <= fee.max_wei


def test_an_offer_stays_payable_while_the_base_fee_doubles() -> None:
    assert FeePolicy(cap_wei=10**12, priority_wei=10**9).offer(10**10) == Fee(21 * 10**9, 10**9)


@pytest.mark.parametrize(
    ("message", "refusal"),
    [
        ("already known", Refusal.KNOWN),
        ("transaction already imported", Refusal.KNOWN),
        ("AlreadyKnown", Refusal.KNOWN),
        ("Known transaction", Refusal.KNOWN),
        ("nonce too low: next nonce 5, tx nonce 4", Refusal.NONCE_TOO_LOW),
        ("OldNonce, Current nonce: 5, nonce of rejected tx: 4", Refusal.NONCE_TOO_LOW),
        ("replacement transaction underpriced", Refusal.TOO_CHEAP),
        ("transaction underpriced: gas tip cap 0, minimum needed 1", Refusal.TOO_CHEAP),
        ("max fee per gas less than block base fee: address 0x00", Refusal.TOO_CHEAP),
        ("ReplacementNotAllowed", Refusal.TOO_CHEAP),
        ("FeeTooLow, MaxFeePerGas too low", Refusal.TOO_CHEAP),
        ("insufficient funds for gas * price + value: balance 0", Refusal.NO_FUNDS),
        ("InsufficientFunds, Account balance: 0", Refusal.NO_FUNDS),
        ("txpool is full", Refusal.OTHER),
        ("intrinsic gas too low", Refusal.OTHER),
    ],
)
def test_the_words_of_nodes_are_understood(message: str, refusal: Refusal) -> None:
    assert refusal_of(message) is refusal
