"""``evote.identity``: what auth may say in public or to auditors; never a person or a private credential."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import ElectionEventData, OfficersCommand, Sha256Hex, Topic

VoterRef = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
"""A random pseudonym that only auth's vault ties to a person."""


class CredentialsPublished(ElectionEventData):
    """A part of the sorted list of public credentials, split because Kafka bounds a message's size.

    The list is complete when parts 0 … ``parts`` - 1 are there; their concatenation, as one compact
    JSON array, has the SHA-256 ``credentials_sha256``.
    """

    topic = Topic.IDENTITY

    part: int
    parts: int
    credentials: tuple[str, ...]
    credentials_sha256: Sha256Hex
    command: OfficersCommand | None = None
    """What the officers signed; None in what was written before officers signed, and in all parts but the first."""


class VoterAuthenticated(ElectionEventData):
    """A voter proved to be one person on the roll."""

    topic = Topic.IDENTITY

    voter_ref: VoterRef
    method: Literal["card", "face"]
    likeness: Literal["exact", "folded", "officer"] = "exact"
    """How the card's attributes were found on the roll; before events told it, every match was exact.

    By face there is nothing to be found: it stays at its default.
    """

    def partition_key(self) -> str:
        return self.voter_ref


class OfficersActed(ElectionEventData):
    """Officers did what only auth knows: about the roll, a card, a code or a face. Keyed by the election."""

    topic = Topic.IDENTITY

    evidence_sha256: Sha256Hex
    """SHA-256 of the sealed evidence in auth's vault: what they signed, for the auditor of record."""


class CredentialReleased(ElectionEventData):
    """A private credential went to its voter; the evidence stays encrypted to the auditor of record."""

    topic = Topic.IDENTITY

    voter_ref: VoterRef
    evidence_sha256: Sha256Hex
    """SHA-256 of the sealed (encrypted) evidence kept in auth's vault."""

    def partition_key(self) -> str:
        return self.voter_ref
