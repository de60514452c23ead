"""The end of a run on the chain: the transaction that holds the last checkpoint of the log."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass

import httpx

_WAIT_S = 60
_LOOK_EVERY_S = 0.2


class NotAnchored(Exception):
    """The chain did not take the last checkpoint in time. Field: ``size``."""

    def __init__(self, size: int) -> None:
        super().__init__(f"no final anchor of size {size} or more after {_WAIT_S} s")
        self.size = size


@dataclass(frozen=True)
class FinalAnchor:
    """What the log says of the anchor that covers all of it; the fields are those of ``/anchors``."""

    chain: str
    ledger: str
    size: int
    root: str
    transaction: str
    block: int
    block_time: str
    witnessed_size: int


async def final_anchor(client: httpx.AsyncClient, log_url: str) -> FinalAnchor:
    """Wait until the checkpoint that is the newest now is in a final block; raises :class:`NotAnchored`."""
    size = (await client.get(f"{log_url}/coverage")).json()["size"]
    for _ in range(round(_WAIT_S / _LOOK_EVERY_S)):
        coverage = (await client.get(f"{log_url}/coverage")).json()
        (chain,) = coverage["chains"]
        if chain["verified_size"] >= size:
            (line,) = (await client.get(f"{log_url}/anchors")).json()["items"]
            wanted = {name: line[name] for name in FinalAnchor.__annotations__ if name in line}
            return FinalAnchor(**wanted, witnessed_size=coverage["witnessed_size"])
        await asyncio.sleep(_LOOK_EVERY_S)
    raise NotAnchored(size)


def anchor_text(anchor: FinalAnchor) -> str:
    """For the screen and the report."""
    return "\n".join(
        (
            "最後のチェックポイント / the final checkpoint",
            f"  log          {anchor.size} entries, root {anchor.root}",
            f"  witnessed    up to {anchor.witnessed_size} entries, by 2 of 3 witnesses",
            f"  contract     {anchor.ledger}",
            f"  transaction  {anchor.transaction}",
            f"  block        {anchor.block}, {anchor.block_time}",
        )
    )
