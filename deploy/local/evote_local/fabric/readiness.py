"""When a network is whole: its peers have found each other, which gossip takes seconds for."""

from __future__ import annotations

import asyncio
import secrets
import tempfile
from pathlib import Path

from evote_anchors.errors import ChainUnavailable
from evote_anchors.fabric.gateway import DEFAULT_TIMEOUTS, Gateway
from evote_anchors.fabric.profile import load_profile
from evote_anchors.fabric.proposal import Author, Call
from evote_platform.clock import utc_now

from .network import FabricNetwork
from .organisations import CITY

_PAUSE_S = 0.1


async def until_endorsing(network: FabricNetwork) -> None:
    """Return once each of the city's peers, as a gateway, gets a call endorsed by both organisations."""
    for peer in network.city_peers:
        with tempfile.TemporaryDirectory() as directory:
            profile = load_profile(network.write_profile(Path(directory) / "connection.json", CITY, [peer]))
        gateway = Gateway(profile.peers, Author(profile.identity, secrets.token_bytes, utc_now), DEFAULT_TIMEOUTS)
        try:
            while not await _endorses(gateway, Call(profile.channel, profile.chaincode, (b"Anchorer",))):  # noqa: ASYNC110 - other processes
                await asyncio.sleep(_PAUSE_S)
        finally:
            await gateway.close()


async def _endorses(gateway: Gateway, call: Call) -> bool:
    try:
        await gateway.endorse(call)
    except ChainUnavailable:
        return False
    return True
