"""receipt - ballot service: the service signed the receipt (Ed25519 over the canonical JSON of its other fields)."""

from __future__ import annotations

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ..findings import Finding, Outcome, Tie
from ..reading.receipt import Receipt


def tie(receipt: Receipt, key: Ed25519PublicKey | None) -> Finding:
    """Whether the service signed it; not checked without its key."""
    if key is None:
        return Finding(Tie.RECEIPT_SERVICE, Outcome.NOT_CHECKED, ("give --receipt-key (the service's /receipt-key)",))
    try:
        key.verify(receipt.signature, receipt.signed_bytes)
    except InvalidSignature:
        return Finding(
            Tie.RECEIPT_SERVICE, Outcome.FAILS, ("the signature is not the service's, or not of this receipt",)
        )
    return Finding(Tie.RECEIPT_SERVICE, Outcome.HOLDS, (f"signed; accepted at {receipt.accepted_at}",))
