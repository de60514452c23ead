"""What a release by マイナアプリ needs: one challenge, an ID token that answers it, and one signature of a card."""

from __future__ import annotations

import base64
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta

from evote_device.requests import DeviceRequest

VISIT_LIFETIME = timedelta(minutes=10)
"""How long a voter may take in the app."""
_VERIFIER_BYTES = 32


@dataclass(frozen=True)
class PhoneAnswer:
    """What the provider gave: its word that a card was shown, and the card's word that its owner wants the release."""

    id_token: str = field(repr=False)
    signature_certificate: bytes = field(repr=False)
    statement_signature: bytes = field(repr=False)

    @property
    def members(self) -> dict[str, str]:
        """As they stand in evidence."""
        return {
            "id_token": self.id_token,
            "signature_certificate": base64.b64encode(self.signature_certificate).decode(),
            "statement_signature": base64.b64encode(self.statement_signature).decode(),
        }


@dataclass(frozen=True)
class PhoneVisit:
    """A way to the app and back, for one challenge."""

    challenge_id: str
    code_verifier: str = field(repr=False)
    """RFC 7636; never leaves auth but to the provider."""
    transaction_id: str
    """Of the signature."""
    answer: PhoneAnswer | None = field(default=None, repr=False)
    """What came of it, for a request that is repeated after its answer was lost: the provider tells it once."""


@dataclass(frozen=True)
class AskedByPhone:
    """What a device sends when the app has come back."""

    kind: type[DeviceRequest]
    challenge_id: str
    code: str = field(repr=False)
    """The provider's authorization code."""
    device_request: str
    """Signed with the device's key."""

    @property
    def proof(self) -> dict[str, str]:
        """What the device's request covers."""
        return {"code": self.code}


def new_code_verifier(random: Callable[[int], bytes]) -> str:
    """43 characters (RFC 7636, 4.1)."""
    return base64.urlsafe_b64encode(random(_VERIFIER_BYTES)).decode().rstrip("=")
