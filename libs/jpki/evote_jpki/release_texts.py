"""The two texts that a card signs for a voting credential, as auth writes them and everybody else reads them back.

Both are signed as UTF-8 (RSA PKCS#1 v1.5, SHA-256) and name the same challenge, which ties the card's two keys
together, and the key that the voter's device made for it (``libs/device``): what the card signs is worth nothing to
whoever has not that key.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

_DEVICE_KEY = r"(?P<device_key>ed25519-x25519:[A-Za-z0-9_-]{86})\n"
_CHALLENGE = re.compile(
    r"tsukuba-evote challenge v2\n"
    r"(?P<election_uuid>[1-9A-HJ-NP-Za-km-z]{14,64})\n(?P<challenge_id>[0-9a-f]{32})\n(?P<nonce>[0-9a-f]{64})\n"
    + _DEVICE_KEY,
    re.ASCII,
)
_STATEMENT = re.compile(
    r"投票資格情報の受け取り\n"
    r"選挙: (?P<election_name>[^\n]+)\n"
    r"選挙番号: (?P<election_uuid>[1-9A-HJ-NP-Za-km-z]{14,64})\n"
    r"受付番号: (?P<challenge_id>[0-9a-f]{32})\n"
    r"受け取る端末の鍵: " + _DEVICE_KEY + r"私は、この選挙で投票するための資格情報を、この端末で受け取ります。\n"
)


class MalformedText(Exception):
    """Not a text that a card is asked to sign for a release."""


@dataclass(frozen=True)
class ReleaseTexts:
    """What both texts say."""

    election_uuid: str
    election_name: str
    challenge_id: str
    """32 hexadecimal digits."""
    nonce: str
    """64 hexadecimal digits: the challenge's random part."""
    device_key: str
    """The line of the key that the voter's device made for this challenge. The device compares it with its own."""

    @property
    def challenge(self) -> str:
        """What the user-authentication key signs."""
        return (
            f"tsukuba-evote challenge v2\n{self.election_uuid}\n{self.challenge_id}\n{self.nonce}\n{self.device_key}\n"
        )

    @property
    def statement(self) -> str:
        """What the signature key signs: the voter's own words for the release."""
        return (
            "投票資格情報の受け取り\n"
            f"選挙: {self.election_name}\n"
            f"選挙番号: {self.election_uuid}\n"
            f"受付番号: {self.challenge_id}\n"
            f"受け取る端末の鍵: {self.device_key}\n"
            "私は、この選挙で投票するための資格情報を、この端末で受け取ります。\n"
        )


def parse_release_texts(challenge: str, statement: str) -> ReleaseTexts:
    """Read both texts; ``MalformedText`` unless they are exactly of these forms and speak of the same challenge and
    device."""
    first, second = _CHALLENGE.fullmatch(challenge), _STATEMENT.fullmatch(statement)
    if first is None or second is None:
        raise MalformedText
    if any(first[fact] != second[fact] for fact in ("election_uuid", "challenge_id", "device_key")):
        raise MalformedText
    return ReleaseTexts(
        first["election_uuid"], second["election_name"], first["challenge_id"], first["nonce"], first["device_key"]
    )
