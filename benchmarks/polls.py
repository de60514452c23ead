"""An open election with one voter, the residents' page and a browser, for those who measure or photograph it."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

from evote_jpki.authority import TestAuthority
from evote_jpki.cardfile import save_card
from evote_jpki.vpcd import InsertedCard
from evote_local.nodes.pcsc import PcscDaemon
from evote_local.nodes.ports import LOOPBACK
from evote_local.people.voters import open_client
from evote_local.people.voting_page import VotingPage, open_browser
from evote_local.referendum.referendum import Referendum
from evote_local.stack.card_desk import CardDesk
from evote_local.stack.stack import Stack, temporary_directory
from evote_platform.clock import utc_now
from playwright.sync_api import Browser, BrowserContext, ViewportSize

PHONE: Final[ViewportSize] = {"width": 390, "height": 844}
T = TypeVar("T")
WEIGHTS: Final = Path(__file__).parents[1] / ".cache" / "weights"
"""Of the face models, where `make install` puts them."""
CARD: Final = "voter"
"""The voter's, at the phone's stand-in."""


@dataclass(frozen=True)
class Polls:
    """A browser, and a card in the reader of an agent that serves the page."""

    stack: Stack
    referendum: Referendum
    browser: Browser
    desk: CardDesk

    @property
    def page(self) -> str:
        """The election's page."""
        return f"{self.stack.front.origin}/?election={self.referendum.officers.election_uuid}"

    @property
    def ballots(self) -> str:
        """Where ballots are posted."""
        return f"{self.stack.ballots[0].url}/elections/{self.referendum.officers.election_uuid}/ballots"

    def letter(self, photo: Path) -> str:
        """Enrol the face of the voter at the counter; the voting code that comes by letter."""
        return in_a_thread(self._letter(photo.read_bytes()))

    async def _letter(self, photo: bytes) -> str:
        async with open_client(timeout_s=60) as client:
            officers, voter_id = self.referendum.officers, self.referendum.voter_id(0)
            officers.use(client)
            await officers.enrol_face(voter_id, photo, self.stack.biometric.url)
            return (await officers.voting_codes())[voter_id]

    @contextmanager
    def opened(self) -> Iterator[VotingPage]:
        """The election's page on a phone's screen, as the agent opens it."""
        context = self.new_phone()
        page = VotingPage(context.new_page())
        page.open(self.desk.paired_page)
        yield page
        context.close()

    def new_phone(self) -> BrowserContext:
        """A browser without a past on a phone's screen."""
        return self.browser.new_context(locale="ja-JP", viewport=PHONE, device_scale_factor=2)


@contextmanager
def open_polls(weights: Path | None = None) -> Iterator[Polls]:
    """A platform of its own; ``weights``, the face models', let voters in by face."""
    with temporary_directory() as name:
        directory = Path(name)
        authority = TestAuthority(utc_now, secrets.token_bytes)
        stack = Stack(directory, authority, announce=print, weights=weights)
        phone = stack.offer_phone()
        with stack:
            referendum = asyncio.run(_prepared(stack, directory))
            save_card(referendum.voters[0].card, phone.cards / f"{CARD}.card")
            stack.open_front()
            uuid = referendum.officers.election_uuid
            page = f"{stack.front.origin}/?election={uuid}"
            with (
                PcscDaemon(directory / "pcsc", readers=1) as daemon,
                InsertedCard(referendum.voters[0].card, LOOPBACK, daemon.slots[0]),
                CardDesk([uuid], pcsc=daemon.environment, page=page) as desk,
                # Chromium's own camera, which sees no face, for those who have nobody before it.
                open_browser("--use-fake-device-for-media-stream") as browser,
            ):
                yield Polls(stack, referendum, browser, desk)


def in_a_thread(work: Coroutine[Any, Any, T]) -> T:
    """Playwright has the main thread's event loop."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, work).result()


async def _prepared(stack: Stack, directory: Path) -> Referendum:
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=1, seed=20261128)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
    return referendum
