"""Sends anchors to a Fabric channel, as the anchorer."""

from __future__ import annotations

import asyncio

from ..anchor import Anchor
from ..errors import AnchorRefused, ChainUnavailable
from .contract import anchor_call
from .errors import InvalidatedByChannel, RefusedByContract
from .gateway import DEFAULT_TIMEOUTS, Endorsed, Timeouts
from .profile import Profile
from .proposal import Clock, Random
from .reader import FabricReader

_ATTEMPTS = 3
_DOES_NOT_GROW = 409
# Another anchor came first, or a peer that endorsed was behind: what the contract holds now decides.
_OVERTAKEN = frozenset({"MVCC_READ_CONFLICT", "PHANTOM_READ_CONFLICT", "DUPLICATE_TXID"})


class FabricWriter(FabricReader):
    """An :class:`evote_anchors.anchor.AnchorWriter`: a reader that is the anchorer's.

    Crashes lose nothing and double nothing. A head that was handed in is looked for in the contract before it is sent
    again, and should two of one head race, the contract's read of the newest head makes every peer drop the second.
    """

    def __init__(self, profile: Profile, random: Random, now: Clock, timeouts: Timeouts = DEFAULT_TIMEOUTS) -> None:
        """As for the reader; the profile's identity must be of its anchorer."""
        super().__init__(profile, random, now, timeouts)
        self._one_at_a_time = asyncio.Lock()
        self._on_its_way: Endorsed | None = None

    async def submit(self, anchor: Anchor) -> None:
        """Return once this head or a larger one of its log is in a block.

        Raises:
            AnchorRefused: the contract holds another root at this size, or it refuses the sender.
            ChainUnavailable: the outcome is unknown; submit again.
        """
        async with self._one_at_a_time:
            await self._await_earlier()
            for _ in range(_ATTEMPTS):
                if await self._is_held(anchor) or await self._send(anchor):
                    return
        raise ChainUnavailable(f"{_ATTEMPTS} times another anchor of {anchor.origin} came first")

    async def _await_earlier(self) -> None:
        """A transaction whose outcome an earlier call did not learn gets its time first, so nothing new is sent."""
        if self._on_its_way is not None:
            await self._gateway.commit_status(self._on_its_way)
            self._on_its_way = None

    async def _is_held(self, anchor: Anchor) -> bool:
        newest = await self.newest(anchor.origin)
        if newest is None or newest.size < anchor.size:
            return False
        if newest.size == anchor.size and newest.root != anchor.root:
            raise AnchorRefused(
                f"{anchor.origin} at size {anchor.size} is anchored with root {newest.root.hex()}, "
                f"and this head's is {anchor.root.hex()}: two logs have one name"
            )
        return True

    async def _send(self, anchor: Anchor) -> bool:
        """Send once; False: overtaken."""
        call = anchor_call(self._profile.channel, self._profile.chaincode, anchor)
        try:
            endorsed = await self._gateway.endorse(call)
        except RefusedByContract as refusal:
            if refusal.status == _DOES_NOT_GROW:
                return False
            raise
        self._on_its_way = endorsed
        await self._gateway.submit(endorsed)
        code = await self._gateway.commit_status(endorsed)
        if code is None:
            raise ChainUnavailable(f"transaction {endorsed.transaction} was taken, but is in no block yet")
        self._on_its_way = None
        if code in _OVERTAKEN:
            return False
        if code != "VALID":
            raise InvalidatedByChannel(endorsed.transaction, code)
        return True
