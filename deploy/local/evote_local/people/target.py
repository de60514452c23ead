"""A deployment that a crowd votes at: its addresses, one election, and the cards of who votes."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from evote_jpki.cardfile import load_card, save_card
from evote_jpki.emulator import EmulatedCard
from evote_tlog.checkpoint import VerifierKey

from .log_lookup import PublicLog
from .voters import Voter

_FILE, _CARDS, _CREDENTIALS = "target.json", "cards", "credentials.txt"
POLLS_OPEN = "The crowd begins to come"
"""What the crowd's program says when the first arrival's time runs: who measures the services begins there."""


class TargetUnreadable(Exception):
    """A folder holds no target: ``folder`` and ``reason``."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(f"{folder} holds no target ({reason}): write one as loadtests/README.md says")
        self.folder = folder
        self.reason = reason


@dataclass(frozen=True)
class Target:
    """Where to vote, and what there is to choose. Addresses are without a trailing slash."""

    election: str
    """The election's UUID."""
    tally_url: str
    auth_url: str
    ballot_urls: Sequence[str]
    """Any replica, or the address of all."""
    log_url: str
    log_key: str
    """The log's key, as checkpoints name it (``name+hash+key``)."""
    choices: Mapping[str, Sequence[Sequence[int]]]
    """What a voter may mean: a name, and the choice of each question as the device encrypts it."""
    weights: Sequence[int]
    """How often each of ``choices`` is chosen, in their order."""
    by_phone: Sequence[int] = ()
    """Which of the cards, by their place in the order of their files, are held to a phone: the app's stand-in has
    them, by the names of their files here."""

    def log(self) -> PublicLog:
        """The public log; raises ``MalformedNote`` when :attr:`log_key` is no key."""
        return PublicLog(self.log_url, VerifierKey.parse(self.log_key))


def card_name(number: int) -> str:
    """Of a card's file, and of the card at the stand-in of the phone's app."""
    return f"{number:06d}"


def voters_of(target: Target, cards: Sequence[EmulatedCard]) -> list[Voter]:
    """The people of a target who have cards, each with the way in that is theirs."""
    phones = set(target.by_phone)
    return [
        Voter(number, card, by_phone=card_name(number) if number in phones else None)
        for number, card in enumerate(cards)
    ]


def write_target(folder: Path, target: Target, cards: Sequence[EmulatedCard], credentials: Sequence[str] = ()) -> None:
    """Write a folder that :func:`read_target` reads.

    ``cards`` are the voters', who are on the election's roll; ``credentials`` those of further voters who have been
    given theirs already.
    """
    (folder / _CARDS).mkdir(parents=True)
    for number, card in enumerate(cards):
        save_card(card, folder / _CARDS / f"{card_name(number)}.json")
    if credentials:
        secret = folder / _CREDENTIALS
        secret.touch(mode=0o600)
        secret.write_text("".join(f"{credential}\n" for credential in credentials))
    (folder / _FILE).write_text(json.dumps(asdict(target), ensure_ascii=False, indent=2) + "\n")


def read_credentials(folder: Path) -> list[str]:
    """The private credentials of voters who have been given theirs already.

    Raises:
        TargetUnreadable: there are none.
    """
    try:
        return (folder / _CREDENTIALS).read_text().split()
    except OSError as error:
        raise TargetUnreadable(folder, str(error)) from error


def read_target(folder: Path) -> tuple[Target, list[EmulatedCard]]:
    """The target, and its voters' cards in the order of their files.

    Raises:
        TargetUnreadable: there is none, or it lacks something.
        CardFileDamaged: a card's file holds none.
    """
    try:
        target = Target(**json.loads((folder / _FILE).read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise TargetUnreadable(folder, str(error)) from error
    cards = [load_card(path) for path in sorted((folder / _CARDS).glob("*.json"))]
    if not cards:
        raise TargetUnreadable(folder, f"no card in {_CARDS}/")
    return target, cards
