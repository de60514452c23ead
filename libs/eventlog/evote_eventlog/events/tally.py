"""``evote.tally``: the key ceremony and the way from the encrypted tally to the result, written by tally."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from .base import ElectionEventData, OfficersCommand, Sha256Hex, Topic
from .elections import TrusteeKey


class TrusteeEventData(ElectionEventData):
    """The ``data`` of an event that says what a trustee said. ``trustee`` counts from 1."""

    topic = Topic.TALLY

    trustee: int
    statement: str
    """The exact text that the trustee signed with the key in the draft (``evote_ceremony.messages``)."""


class CertificateReceived(TrusteeEventData):
    """Ceremony step 1: a trustee's channel keys (specification, ``cert``)."""

    version = 2

    certificate: str
    """The exact ``cert`` JSON text."""


class TrusteeKeyRenewed(ElectionEventData):
    """Officers put another key in a trustee's place; the old one and its certificate count no more.

    It stands as long as no trustee has committed.
    """

    topic = Topic.TALLY
    since = 2

    trustee: int
    number: Annotated[int, Field(ge=1)]
    """Of this trustee's renewals, from 1: a renewal that is published twice is one."""
    key: TrusteeKey
    """The new key's line."""
    command: OfficersCommand | None = None
    """What the officers signed."""


class PolynomialCommitted(TrusteeEventData):
    """Ceremony step 2: SHA-256 of the trustee's polynomial message, before anyone reveals theirs.

    Commit-then-reveal: without it the last trustee to publish could bias the public key.
    """

    version = 2

    commitment: Sha256Hex


class PolynomialReceived(TrusteeEventData):
    """Ceremony step 3: the revealed ``polynomial`` JSON text; its SHA-256 is the commitment."""

    version = 2

    polynomial: str


class VoutputReceived(TrusteeEventData):
    """Ceremony step 4: the trustee checked its shares and published its verification key (``voutput``)."""

    version = 2

    voutput: str


class SetupConfirmed(TrusteeEventData):
    """The trustee saw the final texts, with their key in them: the election may open with exactly these."""


class EncryptedTallyComputed(ElectionEventData):
    """The box is closed and sequenced; the product of the ballots that count."""

    topic = Topic.TALLY

    sized_encrypted_tally: str
    """The ``sized_encrypted_tally`` JSON text (``encrypted_tally`` in it is a SHA-256)."""
    encrypted_tally: str
    """The ``encrypted_tally`` JSON text itself."""
    log_size: int
    """The log size that the tally was computed from."""


class PartialDecryptionReceived(TrusteeEventData):
    """A trustee's verified partial decryption (specification, ``partial_decryption``)."""

    version = 2

    partial_decryption: str


class ResultComputed(ElectionEventData):
    """The election's result (specification, ``election_result``)."""

    topic = Topic.TALLY

    result: str
