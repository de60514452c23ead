"""Why a node did not take a transaction: the clients have words for it, and no codes in common."""

from __future__ import annotations

from enum import Enum


class Refusal(Enum):
    """What has to be done about it."""

    NONE = "nothing: the node took it"
    KNOWN = "nothing: the node has it already"
    NONCE_TOO_LOW = "look again: the nonce is in a block"
    TOO_CHEAP = "offer more"
    NO_FUNDS = "top up the account"
    OTHER = "tell the operator"


# Of go-ethereum, Reth, Erigon, Nethermind, Besu and anvil. The first that fits counts.
_WORDS = (
    (
        Refusal.KNOWN,
        ("already known", "alreadyknown", "known transaction", "already imported", "already exists", "duplicate"),
    ),
    (Refusal.NONCE_TOO_LOW, ("nonce too low", "nonce is too low", "oldnonce", "nonce below", "nonce_too_low")),
    (
        Refusal.TOO_CHEAP,
        (
            "underpriced",
            "less than block base fee",
            "lower than the block base fee",
            "could not replace existing tx",
            "replacementnotallowed",
            "feetoolow",
            "fee too low",
            "below configured minimum",
            "gas price too low",
        ),
    ),
    (Refusal.NO_FUNDS, ("insufficient funds", "insufficientfunds", "upfront cost exceeds")),
)


def refusal_of(message: str) -> Refusal:
    """What a node's error message means."""
    lower = message.lower()
    for refusal, fragments in _WORDS:
        if any(fragment in lower for fragment in fragments):
            return refusal
    return Refusal.OTHER
