"""``evote.tally``: the key ceremony and the way from the encrypted tally to the result, written by tally."""

from __future__ import annotations

from .base import ElectionEventData, Sha256Hex, Topic


class CertificateReceived(ElectionEventData):
    """Ceremony step 1: a trustee's channel keys (specification, ``cert``). ``trustee`` counts from 1."""

    topic = Topic.TALLY

    trustee: int
    certificate: str
    """The exact ``cert`` JSON text."""


class PolynomialCommitted(ElectionEventData):
    """Ceremony step 2: SHA-256 of the trustee's polynomial message, before anyone reveals theirs.

    Commit-then-reveal: without it the last trustee to publish could bias the public key.
    """

    topic = Topic.TALLY

    trustee: int
    commitment: Sha256Hex


class PolynomialReceived(ElectionEventData):
    """Ceremony step 3: the revealed ``polynomial`` JSON text; its SHA-256 is the commitment."""

    topic = Topic.TALLY

    trustee: int
    polynomial: str


class VoutputReceived(ElectionEventData):
    """Ceremony step 4: the trustee checked its shares and published its verification key (``voutput``)."""

    topic = Topic.TALLY

    trustee: int
    voutput: str


class EncryptedTallyComputed(ElectionEventData):
    """The box is closed and sequenced; the product of the ballots that count."""

    topic = Topic.TALLY

    sized_encrypted_tally: str
    """The ``sized_encrypted_tally`` JSON text (``encrypted_tally`` in it is a SHA-256)."""
    encrypted_tally: str
    """The ``encrypted_tally`` JSON text itself."""
    log_size: int
    """The log size that the tally was computed from."""


class PartialDecryptionReceived(ElectionEventData):
    """A trustee's verified partial decryption (specification, ``partial_decryption``)."""

    topic = Topic.TALLY

    trustee: int
    partial_decryption: str


class ResultComputed(ElectionEventData):
    """The election's result (specification, ``election_result``)."""

    topic = Topic.TALLY

    result: str
