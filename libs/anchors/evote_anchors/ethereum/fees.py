"""What an anchor may cost (EIP-1559), and how a waiting one is outbid."""

from __future__ import annotations

from dataclasses import dataclass

from ..errors import ChainUnavailable


class FeeCapReached(ChainUnavailable):
    """The chain asks more than the city pays; the anchor waits. Fields: ``cap_wei`` and ``needed_wei``, per gas."""

    def __init__(self, cap_wei: int, needed_wei: int) -> None:
        super().__init__(
            f"an anchor needs {needed_wei / 10**9:g} gwei per gas now and the cap is {cap_wei / 10**9:g}: "
            "it waits until the price falls or the cap is raised"
        )
        self.cap_wei = cap_wei
        self.needed_wei = needed_wei


@dataclass(frozen=True)
class Fee:
    """``maxFeePerGas`` and ``maxPriorityFeePerGas`` of a transaction, in wei."""

    max_wei: int
    priority_wei: int


@dataclass(frozen=True)
class FeePolicy:
    """The most that is ever offered for a unit of gas, and the tip for the block's builder, both in wei."""

    cap_wei: int
    priority_wei: int

    def offer(self, base_fee_wei: int) -> Fee:
        """For a new transaction: it stays payable while the base fee doubles, as far as the cap allows.

        Raises:
            FeeCapReached: the base fee alone is above the cap.
        """
        if base_fee_wei > self.cap_wei:
            raise FeeCapReached(self.cap_wei, base_fee_wei)
        return Fee(min(2 * base_fee_wei + self.priority_wei, self.cap_wei), min(self.priority_wei, self.cap_wei))

    def outbid(self, old: Fee, base_fee_wei: int) -> Fee:
        """For a transaction in the place of another: nodes want both parts at least an eighth higher.

        Raises:
            FeeCapReached: that would be above the cap.
        """
        offer = self.offer(base_fee_wei)
        raised = Fee(max(offer.max_wei, _raised(old.max_wei)), max(offer.priority_wei, _raised(old.priority_wei)))
        if raised.max_wei > self.cap_wei:
            raise FeeCapReached(self.cap_wei, raised.max_wei)
        return Fee(raised.max_wei, min(raised.priority_wei, raised.max_wei))


def _raised(fee_wei: int) -> int:
    """At least 12.5 % more, rounded up: some nodes ask for 10 %, others for 12.5 %."""
    return fee_wei + max(1, -(-fee_wei // 8))
