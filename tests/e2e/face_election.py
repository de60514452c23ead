"""An election whose voters come to the page by voting code and face, each on a phone.

The camera alone is a mock (``people/before_camera.py``).
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.before_camera import sit_before
from evote_local.people.puppet import Puppet
from evote_local.people.voters import open_client
from evote_local.people.voting_page import VotingPage, open_browser
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from playwright.sync_api import Browser, BrowserContext

from .faces.puppets import puppet_of


@dataclass(frozen=True)
class FaceElection:
    """One election, its front, the letters that came, and one browser program for all who vote."""

    stack: Stack
    referendum: Referendum
    codes: Mapping[str, str]
    puppet: Puppet
    """Of the face that staff enrolled."""
    browser: Browser

    @property
    def address(self) -> str:
        return f"{self.stack.front.origin}/?election={self.referendum.officers.election_uuid}"

    def code(self, number: int) -> str:
        return self.codes[self.referendum.voter_id(number)]

    def phone(self, **browser: Any) -> BrowserContext:
        """Held upright, without a past."""
        return self.browser.new_context(
            locale="ja-JP", has_touch=True, is_mobile=True, viewport={"width": 390, "height": 844}, **browser
        )

    def takes_phone(self) -> VotingPage:
        """A voter, the puppet, before the camera of a phone."""
        context = self.phone()
        sit_before(context, self.puppet)
        return VotingPage(context.new_page())


@contextmanager
def face_election(
    stack: Stack, weights: Path, directory: Path, *switches: str, enrolled: int, others: int = 0
) -> Iterator[FaceElection]:
    """Staff enrolled one face for each of the first voters, ``enrolled`` of them, and none for the ``others`` after.

    ``switches`` are Chromium's own.
    """
    photo = fetch_photographs() / "obama/1.jpg"
    referendum, codes = asyncio.run(_prepared(stack, photo.read_bytes(), directory, enrolled, others))
    stack.open_front()
    with open_browser(*switches) as browser:
        yield FaceElection(stack, referendum, codes, puppet_of(photo, weights), browser)


async def _prepared(
    stack: Stack, photo: bytes, directory: Path, enrolled: int, others: int
) -> tuple[Referendum, Mapping[str, str]]:
    voters = enrolled + others
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=voters, seed=20261128)
        await referendum.prepare()
        for number in range(enrolled):
            await referendum.officers.enrol_face(referendum.voter_id(number), photo, stack.biometric.url)
        return referendum, await referendum.officers.voting_codes()
