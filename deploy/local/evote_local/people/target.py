"""A deployment that a crowd votes at: its addresses, one election, and the cards of who votes."""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey
from evote_jpki.cardfile import load_card, save_card
from evote_jpki.emulator import EmulatedCard
from evote_tlog.checkpoint import VerifierKey

from .face import FaceWay, Poses, PosesUnreadable
from .log_lookup import PublicLog
from .voters import Voter

_FILE, _CARDS, _CREDENTIALS = "target.json", "cards", "credentials.txt"
_CODES, _POSES = "codes.json", "poses"
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
    biometric_url: str = ""
    """Where faces are verified, for those who have a voting code."""
    code_key: str = ""
    """auth's key that voting codes are sealed to: base64 of the 32 bytes (X25519)."""

    def voting_code_key(self) -> X25519PublicKey:
        """auth's, to which voting codes are sealed; raises ``ValueError`` when :attr:`code_key` is none."""
        return X25519PublicKey.from_public_bytes(base64.b64decode(self.code_key, validate=True))

    def log(self) -> PublicLog:
        """The public log; raises ``MalformedNote`` when :attr:`log_key` is no key."""
        return PublicLog(self.log_url, VerifierKey.parse(self.log_key))


def card_name(number: int) -> str:
    """Of a card's file, and of the card at the stand-in of the phone's app."""
    return f"{number:06d}"


@dataclass(frozen=True)
class Letters:
    """Those of the voters who come by code and face."""

    codes: Mapping[int, str] = field(repr=False)
    """The voting code of each letter, by the place of the voter's card in the order of the cards' files."""
    poses: Poses
    """All of them look alike: they were enrolled with this face."""


def voters_of(target: Target, cards: Sequence[EmulatedCard], letters: Letters | None) -> list[Voter]:
    """The people of a target who have cards, each with the way in that is theirs."""
    phones, codes = set(target.by_phone), {} if letters is None else letters.codes
    return [
        Voter(number, card, by_phone=card_name(number) if number in phones else None, code=codes.get(number))
        for number, card in enumerate(cards)
    ]


def write_target(
    folder: Path,
    target: Target,
    cards: Sequence[EmulatedCard],
    credentials: Sequence[str] = (),
    letters: Letters | None = None,
) -> None:
    """Write a folder that :func:`read_target` reads.

    ``cards`` are the voters', who are on the election's roll; ``credentials`` those of further voters who have been
    given theirs already.
    """
    (folder / _CARDS).mkdir(parents=True)
    for number, card in enumerate(cards):
        save_card(card, folder / _CARDS / f"{card_name(number)}.json")
    if credentials:
        _write_secret(folder / _CREDENTIALS, "".join(f"{credential}\n" for credential in credentials))
    if letters is not None:
        _write_secret(folder / _CODES, json.dumps(dict(letters.codes)) + "\n")
        letters.poses.write(folder / _POSES)
    (folder / _FILE).write_text(json.dumps(asdict(target), ensure_ascii=False, indent=2) + "\n")


def _write_secret(path: Path, text: str) -> None:
    path.touch(mode=0o600)
    path.write_text(text)


def read_letters(folder: Path) -> Letters | None:
    """Who comes by code and face; None where nobody does.

    Raises:
        TargetUnreadable: there are codes, and they or the pictures of the poses can't be read.
    """
    codes = folder / _CODES
    if not codes.exists():
        return None
    try:
        by_number = {int(number): str(code) for number, code in json.loads(codes.read_text()).items()}
        return Letters(by_number, Poses.read(folder / _POSES))
    except (OSError, ValueError, AttributeError, PosesUnreadable) as error:
        raise TargetUnreadable(folder, f"{codes.name} or {_POSES}/: {error}") from error


def face_way(folder: Path, target: Target, letters: Letters) -> FaceWay:
    """What the devices of those with ``letters`` need to know.

    Raises:
        TargetUnreadable: the target doesn't say where faces are verified, or to which key codes are sealed.
    """
    try:
        key = target.voting_code_key()
    except ValueError as error:
        raise TargetUnreadable(
            folder, f"code_key is no X25519 key in base64, and there are voting codes: {error}"
        ) from error
    if not target.biometric_url:
        raise TargetUnreadable(folder, "biometric_url is missing, and there are voting codes")
    return FaceWay(target.biometric_url, key, letters.poses)


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
