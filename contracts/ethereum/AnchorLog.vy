# pragma version 0.4.3
# pragma evm-version cancun
# pragma optimize gas
# SPDX-License-Identifier: Apache-2.0
"""
@title The newest checkpoint of transparency logs, and all that came before it.
@notice A log is known by SHA-256 of its origin (UTF-8). Nothing else of the log ever stands here but sizes and roots.
@dev Nobody can change, pause or replace this contract. After the loss of the anchorer's key a new one is deployed.
"""

event Anchored:
    origin_id: indexed(bytes32)
    size: uint64
    root: bytes32


struct Head:
    size: uint64
    root: bytes32


# In the code and not in storage: reading it costs an anchor 3 gas instead of 2,100.
ANCHORER: immutable(address)

_newest: HashMap[bytes32, Head]


@deploy
def __init__(anchorer: address):
    assert anchorer != empty(address), "no anchorer"
    ANCHORER = anchorer


@external
@view
def anchorer() -> address:
    """
    @return Who alone may anchor, for as long as this contract exists.
    """
    return ANCHORER


@external
@view
def newest(origin_id: bytes32) -> Head:
    """
    @return The largest head of this log; size 0: it has none.
    """
    return self._newest[origin_id]


@external
def anchor(origin_id: bytes32, size: uint64, root: bytes32):
    """
    @notice Record that the log had this root at this size. Heads only grow, so that a size has one root for ever.
    """
    assert msg.sender == ANCHORER, "not the anchorer"
    assert size > self._newest[origin_id].size, "size does not grow"
    self._newest[origin_id] = Head(size=size, root=root)
    log Anchored(origin_id=origin_id, size=size, root=root)
