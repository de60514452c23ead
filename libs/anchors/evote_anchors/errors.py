"""What can go wrong with a chain, with the facts in fields."""

from __future__ import annotations


class ChainError(Exception):
    """Anything that keeps an anchor from a chain, or from being read. Field: ``reason``."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


class ChainUnavailable(ChainError):
    """No endpoint of the chain answered usefully; trying again later may help."""


class AnchorRefused(ChainError):
    """The contract does not take this anchor: its size does not grow, or the sender is not the anchorer."""


class WrongContract(ChainError):
    """What answers at the address is not the anchor contract, or it is on another chain than was said."""
