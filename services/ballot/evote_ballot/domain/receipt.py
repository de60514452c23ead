"""The receipt: the service's signed word that a ballot is durable and counts unless a later one replaces it."""

from __future__ import annotations

from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.canonical import canonical_json


@dataclass(frozen=True)
class Acceptance:
    """Where a ballot stands in the log, and since when (RFC 3339, the record's own time)."""

    election_uuid: str
    tracker: str
    partition: int
    offset: int
    accepted_at: str


@dataclass(frozen=True)
class Receipt:
    """An acceptance, and the service's Ed25519 signature (RFC 8032, 64 bytes) over :func:`receipt_text` of it."""

    acceptance: Acceptance
    signature: bytes


@dataclass(frozen=True)
class TakenIn:
    """What the voter is told: the ballot's receipt, and whether this request put it into the log."""

    receipt: Receipt
    is_new: bool


def receipt_text(acceptance: Acceptance) -> bytes:
    """What a receipt signs: the canonical JSON (RFC 8785) of all that it states."""
    return canonical_json(
        {
            "election_uuid": acceptance.election_uuid,
            "tracker": acceptance.tracker,
            "position": {"partition": acceptance.partition, "offset": acceptance.offset},
            "accepted_at": acceptance.accepted_at,
        }
    )


def sign_receipt(acceptance: Acceptance, key: Ed25519PrivateKey) -> Receipt:
    """The same acceptance gives the same receipt, byte for byte: Ed25519 signs deterministically."""
    return Receipt(acceptance, key.sign(receipt_text(acceptance)))
