"""The credential authority: private credentials from an election's key, and the public list."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from evote_belenios.credentials import from_entropy, public_credential
from evote_belenios.groups import Group
from evote_eventlog.events import CredentialsPublished

from .voting_codes import VotingCode

MOST_CREDENTIALS_A_PART = 400
_MOST_CHARACTERS_A_PART = 50_000
"""Keeps an event's record below the 65,535 bytes that an entry of the public log may have."""


class CredentialKey(Protocol):
    """One election's secret key, wherever it is. It is asked for no more than this, so it need never leave a token."""

    @property
    def mac(self) -> Callable[[bytes], bytes]:
        """HMAC-SHA256 (RFC 2104) under the key: 32 bytes for a message.

        A pseudorandom function: who has not the key can tell nothing of one output from all others.
        """


def key_id(key: CredentialKey) -> str:
    """Tells two keys apart; tells nothing about either."""
    return key.mac(b"tsukuba-evote key id")[:16].hex()


def private_credential(key: CredentialKey, group: Group, election_uuid: str, voter_ref: str) -> str:
    """A voter's private credential: the same each time, kept nowhere."""
    return from_entropy(group, key.mac(f"tsukuba-evote credential|{election_uuid}|{voter_ref}".encode()))


def voting_code_digest(key: CredentialKey, election_uuid: str, code: VotingCode) -> str:
    """What is kept of a voting code (hex): who steals the table, without the key, can't try codes against it."""
    return key.mac(f"tsukuba-evote voting code|{election_uuid}|{code.characters}".encode()).hex()


def public_credentials(group: Group, election_uuid: str, private: Sequence[str]) -> list[str]:
    """The public credentials of these private ones, in their order."""
    return [public_credential(credential, election_uuid, group) for credential in private]


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
