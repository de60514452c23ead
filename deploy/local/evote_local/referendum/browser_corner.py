"""Residents before a browser: a handful of simulated voters who vote on the page itself, by phone, in Chromium."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from evote_jpki.cardfile import save_card

from ..people.voting_page import CHROMIUM, VotingPage, open_browser
from ..stack.front import NGINX
from ..stack.phone import PhoneStandIn
from ..stack.stack import Stack
from .referendum import Visit

BROWSER_VOTERS: Final = 3


def why_no_browser() -> str | None:
    """Why nobody can vote on the page here; None when somebody can."""
    missing = [program for program in (CHROMIUM, str(NGINX)) if not Path(program).exists()]
    return f"{' and '.join(missing)} missing (Debian: apt-get install chromium nginx-light)" if missing else None


@dataclass(frozen=True)
class BrowserCorner:
    """The page of one election, served by ``stack`` already, and the phone that its residents hold their cards to."""

    stack: Stack
    phone: PhoneStandIn
    election_uuid: str

    def vote(self, visits: Sequence[Visit]) -> None:
        """Let each voter vote, one after the other, up to the receipt. Blocks, so it belongs in a thread."""
        address = f"{self.stack.front.origin}/?election={self.election_uuid}"
        with open_browser() as browser:
            for visit in visits:
                name = f"card {visit.voter.number}"
                save_card(visit.voter.card, self.phone.cards / f"{name}.card")
                context = browser.new_context(locale="ja-JP", viewport={"width": 390, "height": 844})
                page = VotingPage(context.new_page())
                page.open(address)
                page.vote_by_phone(name, visit.choice)
                context.close()
