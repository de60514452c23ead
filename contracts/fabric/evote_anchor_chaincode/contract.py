"""The rules: who may anchor which head of a log. No clock, no random, no network: every peer answers alike."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from .errors import Refused

ANCHORED = "Anchored"
"""The name of the event that an anchored head sets; its payload is :meth:`Head.encode`."""

_STATE_PREFIX = "head/"
_MAX_ORIGIN_BYTES = 255
_SIZE = re.compile(r"[1-9][0-9]{0,18}\Z")
_MAX_SIZE = 2**63 - 1
_ROOT = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True)
class Head:
    """The head of a log: its origin, its size in entries and its root, 64 hexadecimal digits."""

    origin: str
    size: int
    root: str

    def encode(self) -> bytes:
        """Compact JSON with sorted keys: the same bytes at every peer, or their endorsements would differ."""
        fields = {"origin": self.origin, "root": self.root, "size": self.size}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


class Transaction(Protocol):
    """What one call of the contract sees of the peer."""

    @property
    def creator_msp_id(self) -> str:
        """The organisation of who signed the proposal, which the peer has verified."""

    async def get_state(self, key: str) -> bytes:
        """The committed value; empty: there is none."""

    async def put_state(self, key: str, value: bytes) -> None:
        """Put a write into the transaction."""

    def set_event(self, name: str, payload: bytes) -> None:
        """Put an event into the transaction."""


class AnchorContract:
    """Keeps the newest head of each log, and takes a larger one only from the one anchorer."""

    def __init__(self, anchorer_msp_id: str) -> None:
        """``anchorer_msp_id``: the organisation whose members may anchor."""
        self._anchorer_msp_id = anchorer_msp_id

    async def call(self, arguments: Sequence[bytes], transaction: Transaction) -> bytes:
        """Run ``function, parameters…`` and return what the client gets.

        ``Anchor origin size root`` returns nothing and sets the event ``Anchored``; ``Newest origin`` returns the
        head or nothing; ``Anchorer`` returns the MSP id that this organisation's process endorses anchors of.

        Raises:
            Refused: with the status and the reason.
        """
        match [_text(argument) for argument in arguments]:
            case ["Anchor", origin, size, root]:
                await self._anchor(_head(origin, size, root), transaction)
                return b""
            case ["Newest", origin]:
                return await transaction.get_state(_key(origin))
            case ["Anchorer"]:
                return self._anchorer_msp_id.encode()
            case [function, *parameters]:
                raise Refused(
                    400,
                    f"no function {function!r} with {len(parameters)} parameters; "
                    "there are: Anchor origin size root, Newest origin, Anchorer",
                )
            case _:
                raise Refused(400, "a call needs a function")

    async def _anchor(self, head: Head, transaction: Transaction) -> None:
        if transaction.creator_msp_id != self._anchorer_msp_id:
            raise Refused(
                403, f"only {self._anchorer_msp_id} may anchor; the proposal is {transaction.creator_msp_id}'s"
            )
        key = _key(head.origin)
        # The read goes into the read set: of two anchors that race into one block, Fabric drops the second
        # (MVCC_READ_CONFLICT), so sizes grow in the chain and not only in this simulation.
        newest = await transaction.get_state(key)
        if newest and head.size <= (size := _size_in(newest)):
            raise Refused(409, f"size {head.size} does not grow: {head.origin} is anchored at size {size}")
        await transaction.put_state(key, head.encode())
        transaction.set_event(ANCHORED, head.encode())


def _head(origin: str, size: str, root: str) -> Head:
    if not _SIZE.match(size) or int(size) > _MAX_SIZE:
        raise Refused(400, f"a size is a positive decimal number below 2^63, not {size[:40]!r}")
    if not _ROOT.match(root):
        raise Refused(400, f"a root is 64 lower-case hexadecimal digits, not {root[:80]!r}")
    return Head(origin, int(size), root)


def _key(origin: str) -> str:
    # Without line ends and control characters, as in the log's own checkpoints (C2SP tlog-checkpoint).
    if not origin or not origin.isprintable() or len(origin.encode()) > _MAX_ORIGIN_BYTES:
        raise Refused(400, f"an origin is 1 to {_MAX_ORIGIN_BYTES} bytes of printable text, not {origin[:80]!r}")
    return _STATE_PREFIX + origin


def _size_in(state: bytes) -> int:
    size: int = json.loads(state)["size"]
    return size


def _text(argument: bytes) -> str:
    try:
        return argument.decode()
    except UnicodeDecodeError as error:
        raise Refused(400, f"arguments are UTF-8: {error}") from error
