"""The chains that the settings name, opened for anchoring."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from evote_anchors.anchor import AnchorWriter

from .anchoring import Pace
from .chain_settings import EthereumSettings, FabricSettings


@dataclass(frozen=True)
class OpenChain:
    """A chain, and how often it is used."""

    writer: AnchorWriter
    pace: Pace


@asynccontextmanager
async def open_chains() -> AsyncIterator[Sequence[OpenChain]]:
    """Every chain of the settings, closed when the block ends. No chain has to answer for this."""
    _ = EthereumSettings.if_wanted(), FabricSettings.if_wanted(), opened
    async with AsyncExitStack() as opened:
        chains: list[OpenChain] = []
        yield chains
