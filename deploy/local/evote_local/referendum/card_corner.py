"""Readers with card agents for simulated voters who take turns: the way of a resident with a reader at home."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx
from evote_jpki.emulator import EmulatedCard
from evote_jpki.vpcd import InsertedCard

from ..nodes.pcsc import PcscDaemon
from ..nodes.ports import LOOPBACK
from ..people.voters import SIGNATURE_PASSWORD, USER_PIN, VoterRefused, open_client
from ..stack.card_desk import CardDesk

READERS = 4
_READY_WITHIN_S = 60.0
_LOOK_AGAIN_S = 0.05
# pcscd looks every 0.4 s whether a card is there; one that is changed faster than that it takes for the same card.
_CHANGE_S = 0.6


class CardCorner:
    """``READERS`` readers, each with an agent of its own; a context manager, to be entered in the main thread."""

    def __init__(self, election_uuid: str, directory: Path) -> None:
        """``directory`` takes what pcscd keeps."""
        self._daemon = PcscDaemon(directory)
        readers = (f"PCD {number} 00 {slot:02}" for number in range(READERS // 2) for slot in range(2))
        self._desks = [CardDesk([election_uuid], pcsc=self._daemon.environment, reader=reader) for reader in readers]
        self._free: asyncio.Queue[tuple[CardDesk, int]] = asyncio.Queue()
        self._running = ExitStack()
        self.answered = 0
        """How many challenges were answered at these readers."""

    async def answer(self, card: EmulatedCard, challenge: Mapping[str, Any]) -> dict[str, str]:
        """Put the card into the next free reader, type both PINs at its agent, and take the card out again.

        Returns what auth takes for a release; ``VoterRefused`` when the agent refuses.
        """
        desk, slot = await self._free.get()
        try:
            async with open_client() as page:
                with InsertedCard(card, LOOPBACK, slot):
                    await _until_ready(desk, page)
                    request = asyncio.create_task(desk.request_signatures(page, challenge))
                    await asyncio.to_thread(desk.consent, USER_PIN, SIGNATURE_PASSWORD)
                    response = await request
        finally:
            asyncio.get_running_loop().call_later(_CHANGE_S, self._free.put_nowait, (desk, slot))
        if not response.is_success:
            raise VoterRefused(response.status_code, response.text)
        self.answered += 1
        return dict(response.json())

    def __enter__(self) -> Self:
        try:
            self._running.enter_context(self._daemon)
            for desk, slot in zip(self._desks, self._daemon.slots, strict=True):
                self._running.enter_context(desk)
                self._free.put_nowait((desk, slot))
        except BaseException:
            self._running.close()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._running.close()


async def _until_ready(desk: CardDesk, page: httpx.AsyncClient) -> None:
    """Ask the agent until it says that the card can be used, as a page does."""
    async with asyncio.timeout(_READY_WITHIN_S):
        while (await desk.status(page))["state"] != "ready":  # noqa: ASYNC110 - of another process
            await asyncio.sleep(_LOOK_AGAIN_S)
