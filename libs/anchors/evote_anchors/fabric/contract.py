"""The anchor contract as its callers see it: calls, and the state that it keeps."""

from __future__ import annotations

import json

from ..anchor import Anchor
from ..errors import WrongContract
from .proposal import Call

STATE_PREFIX = "head/"
"""The contract keeps a log's newest head under this and the log's origin."""
_ROOT_BYTES = 32


def anchor_call(channel: str, chaincode: str, anchor: Anchor) -> Call:
    """Asks the contract to take a head."""
    arguments = (b"Anchor", anchor.origin.encode(), str(anchor.size).encode(), anchor.root.hex().encode())
    return Call(channel, chaincode, arguments)


def newest_call(channel: str, chaincode: str, origin: str) -> Call:
    """Asks for a log's newest head; the answer is empty, or for :func:`decode_head`."""
    return Call(channel, chaincode, (b"Newest", origin.encode()))


def decode_head(encoded: bytes) -> Anchor:
    """Read a head as the contract keeps it.

    Raises:
        WrongContract: it isn't one.
    """
    try:
        fields = json.loads(encoded)
        anchor = Anchor(fields["origin"], fields["size"], bytes.fromhex(fields["root"]))
    except (ValueError, TypeError, KeyError) as error:
        raise WrongContract(f"no head of a log: {encoded[:200]!r}") from error
    # One head, one encoding: what reads alike must be alike.
    if encode_head(anchor) != encoded or len(anchor.root) != _ROOT_BYTES or anchor.size < 1:
        raise WrongContract(f"no head of a log as the anchor contract writes it: {encoded[:200]!r}")
    return anchor


def encode_head(anchor: Anchor) -> bytes:
    """The one encoding of a head: compact JSON with sorted keys."""
    fields = {"origin": anchor.origin, "root": anchor.root.hex(), "size": anchor.size}
    return json.dumps(fields, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
