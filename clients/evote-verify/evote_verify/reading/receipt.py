"""A voter's receipt, and the key of the ballot service that signs receipts."""

from __future__ import annotations

import base64
import binascii
import re
from dataclasses import dataclass

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from evote_belenios.errors import BeleniosError
from evote_belenios.jsontext import Fields, load

from ..findings import Unusable
from .canonical import canonical_json

_TRACKER = re.compile(r"[A-Za-z0-9+/]{43}", re.ASCII)
_KEY_BYTES = 32


@dataclass(frozen=True)
class Receipt:
    """A receipt whose form is right; the tie ``receipt - ballot service`` tells whether the service signed it."""

    election_uuid: str
    tracker: str
    partition: int
    offset: int
    accepted_at: str
    signature: bytes

    @property
    def signed_bytes(self) -> bytes:
        """What the service signs."""
        return canonical_json(
            {
                "election_uuid": self.election_uuid,
                "tracker": self.tracker,
                "position": {"partition": self.partition, "offset": self.offset},
                "accepted_at": self.accepted_at,
            }
        )


def parse_receipt(content: bytes) -> Receipt:
    """Read a receipt, as the ballot service answered it; raises :class:`Unusable`."""
    try:
        fields = Fields(load(content.decode()), "the receipt")
        position = Fields(fields.value("position"), "position")
        receipt = Receipt(
            fields.text("election_uuid"),
            fields.text("tracker"),
            position.integer("partition"),
            position.integer("offset"),
            fields.text("accepted_at"),
            base64.b64decode(fields.text("signature"), validate=True),
        )
        position.end()
        fields.end()
    except BeleniosError as error:
        raise Unusable(f"not a receipt: {error.detail}") from None
    except (UnicodeDecodeError, binascii.Error, ValueError):
        raise Unusable("not a receipt: it is not UTF-8, or its signature is not base64") from None
    if not _TRACKER.fullmatch(receipt.tracker):
        raise Unusable("not a receipt: its tracker is not the base64 of a SHA-256")
    return receipt


def parse_receipt_key(content: bytes) -> Ed25519PublicKey:
    """Read the service's key: the answer of its ``/receipt-key``, or the base64 in it; raises :class:`Unusable`."""
    try:
        text = content.decode().strip()
        if text.startswith("{"):
            fields = Fields(load(text), "the receipt key")
            algorithm, text = fields.text("algorithm"), fields.text("public_key")
            fields.end()
            if algorithm != "Ed25519":
                raise Unusable("not a receipt key: only Ed25519 is known")
        return Ed25519PublicKey.from_public_bytes(base64.b64decode(text, validate=True))
    except BeleniosError as error:
        raise Unusable(f"not a receipt key: {error.detail}") from None
    except (UnicodeDecodeError, ValueError):
        raise Unusable(
            f"not a receipt key: neither the JSON of /receipt-key nor base64 of {_KEY_BYTES} bytes"
        ) from None
