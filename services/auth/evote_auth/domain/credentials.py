"""The credential authority: private credentials from the master key, and the public list."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterator, Sequence

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from evote_belenios.credentials import from_entropy, public_credential
from evote_belenios.groups import Group
from evote_eventlog.events import CredentialsPublished

from .voting_codes import VotingCode

MOST_CREDENTIALS_A_PART = 400
_MOST_CHARACTERS_A_PART = 50_000
"""Keeps an event's record below the 65,535 bytes that an entry of the public log may have."""


class MasterKey:
    """The secret that all private credentials come from; it doesn't print."""

    def __init__(self, secret: bytes) -> None:
        """``ValueError`` when there are fewer than 32 bytes."""
        if len(secret) < 32:
            raise ValueError("the master key needs at least 32 bytes")
        self._secret = secret
        self.key_id = self._derive("tsukuba-evote key id", 16).hex()
        """Tells two keys apart; tells nothing about either."""

    def __repr__(self) -> str:
        return "MasterKey(…)"

    def private_credential(self, group: Group, election_uuid: str, voter_ref: str) -> str:
        """A voter's private credential in one election: HKDF-SHA256 (RFC 5869), the same each time, kept nowhere."""
        return from_entropy(group, self._derive(f"tsukuba-evote credential|{election_uuid}|{voter_ref}", 64))

    def voting_code_digests(self, election_uuid: str) -> Callable[[VotingCode], str]:
        """Makes what is kept of an election's voting codes: HMAC-SHA256 (hex) under a key of that election alone.

        Who steals the table, without the master key, can't try codes against it.
        """
        key = self._derive(f"tsukuba-evote voting codes|{election_uuid}", 32)
        return lambda code: hmac.digest(key, code.characters.encode(), "sha256").hex()

    def _derive(self, info: str, count: int) -> bytes:
        return HKDF(hashes.SHA256(), count, salt=None, info=info.encode()).derive(self._secret)


def public_credentials(key: MasterKey, group: Group, election_uuid: str, voter_refs: Sequence[str]) -> list[str]:
    """The public credentials of these voters, in their order."""
    return [
        public_credential(key.private_credential(group, election_uuid, ref), election_uuid, group) for ref in voter_refs
    ]


def list_sha256(credentials: Sequence[str]) -> str:
    """SHA-256 (hex) of the compact JSON array, which is the exact ``public_creds.json``."""
    return hashlib.sha256(json.dumps(list(credentials), separators=(",", ":")).encode()).hexdigest()


def list_parts(election_uuid: str, credentials: Sequence[str]) -> list[CredentialsPublished]:
    """The list in parts that fit into an event each."""
    digest = list_sha256(credentials)
    pieces = list(_pieces(credentials))
    return [
        CredentialsPublished(
            election_uuid=election_uuid,
            part=number,
            parts=len(pieces),
            credentials=tuple(piece),
            credentials_sha256=digest,
        )
        for number, piece in enumerate(pieces)
    ]


def _pieces(credentials: Sequence[str]) -> Iterator[Sequence[str]]:
    size = max(1, min(MOST_CREDENTIALS_A_PART, _MOST_CHARACTERS_A_PART // max(map(len, credentials))))
    for start in range(0, len(credentials), size):
        yield credentials[start : start + size]
