"""The receipt: the service's signed word that a ballot is durable and counts unless a later one replaces it."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import rfc8785
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass(frozen=True)
class Acceptance:
    """Where a ballot stands in the log, and since when (RFC 3339, the record's own time)."""

    election_uuid: str
    tracker: str
    partition: int
    offset: int
    accepted_at: str


def receipt(acceptance: Acceptance, key: Ed25519PrivateKey) -> dict[str, object]:
    """The signed receipt: Ed25519 (RFC 8032) over the canonical JSON (RFC 8785) of the other fields.

    The same acceptance gives the same receipt, byte for byte: Ed25519 signs deterministically.
    """
    body: dict[str, object] = {
        "election_uuid": acceptance.election_uuid,
        "tracker": acceptance.tracker,
        "position": {"partition": acceptance.partition, "offset": acceptance.offset},
        "accepted_at": acceptance.accepted_at,
    }
    signature = key.sign(rfc8785.dumps(body))  # type: ignore[arg-type]
    return {**body, "signature": base64.b64encode(signature).decode()}
