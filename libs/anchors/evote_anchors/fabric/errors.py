"""What can go wrong on Fabric, with the facts in fields."""

from __future__ import annotations

from pathlib import Path

from ..errors import AnchorRefused, ChainError


class ProfileInvalid(ChainError):
    """A connection profile, or a file that it names, can't be used. Fields: ``path``, ``field`` and ``reason``."""

    def __init__(self, path: Path, field: str, reason: str) -> None:
        super().__init__(f"{path}: {field}: {reason}")
        self.path = path
        self.field = field


class RefusedByContract(AnchorRefused):
    """The contract's answer. Fields: ``status`` (400 malformed, 403 not the anchorer, 409 no growth) and ``reason``."""

    def __init__(self, status: int, reason: str) -> None:
        super().__init__(f"the anchor contract answered {status}: {reason}")
        self.status = status


class InvalidatedByChannel(AnchorRefused):
    """The transaction is in a block, and every peer has marked it invalid. Fields: ``transaction`` and ``code``."""

    def __init__(self, transaction: str, code: str) -> None:
        super().__init__(f"transaction {transaction} is in a block as {code}")
        self.transaction = transaction
        self.code = code


class BlockForged(ChainError):
    """A peer showed a block that can't be the channel's. Fields: ``block`` and ``reason``.

    Raised when hashes don't chain, or when an anchor lacks a signature of its sender or of an organisation that must
    endorse it. Trying another peer may help, but a person should look at this one.
    """

    def __init__(self, block: int, reason: str) -> None:
        super().__init__(f"block {block}: {reason}")
        self.block = block
