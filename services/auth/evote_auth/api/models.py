"""What clients send and read."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from evote_device.keys import DeviceKeyText
from evote_device.requests import LARGEST_DEVICE_REQUEST, DeviceRequest
from evote_platform.text import PlainText
from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ..domain.release import AskedByCard, CardResponse


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PydanticCustomError("base64", "must be base64") from error
    return text


Base64 = Annotated[
    str, Field(min_length=4, max_length=12_000, pattern=r"^[A-Za-z0-9+/]+={0,2}$"), AfterValidator(_is_base64)
]


DeviceRequestText = Annotated[PlainText, Field(min_length=1, max_length=LARGEST_DEVICE_REQUEST)]
"""A request that the device has signed (see libs/device), exactly as it was signed."""


class RollImported(BaseModel):
    """The roll was taken, all of it."""

    imported: int
    roll_size: int


class RollFrozenResponse(BaseModel):
    """The roll is frozen and its public credentials are in the log."""

    roll_size: int
    credentials_sha256: str


class RollStateResponse(BaseModel):
    """Counts: voters on the roll, whether it is frozen, credentials released."""

    roll_size: int
    frozen: bool
    releases: int


MAX_ROLL = 10_000_000


class RollFreezeRequest(BaseModel):
    """How many voters the officers expect on the roll: with another number nothing is frozen."""

    model_config = ConfigDict(extra="forbid")

    expected_size: Annotated[int, Field(ge=1, le=MAX_ROLL)]


class ChallengeRequest(BaseModel):
    """For whom the challenge is."""

    model_config = ConfigDict(extra="forbid")

    device_key: DeviceKeyText
    """The line of the keys that the device has made for this challenge alone (see libs/device)."""


class ChallengeResponse(BaseModel):
    """Texts for the card to sign (RSA PKCS#1 v1.5 with SHA-256 over their UTF-8 bytes).

    The device has them signed only if both name its own key.
    """

    challenge_id: str
    challenge: str
    """For the user-authentication key (利用者証明用)."""
    release_statement: str
    """For the signature key (署名用)."""
    expires_at: str


class ReleaseRequest(BaseModel):
    """What the card answered (certificates are DER, everything is base64), and what the device asks for."""

    model_config = ConfigDict(extra="forbid")

    challenge_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    user_certificate: Base64
    challenge_signature: Base64
    signature_certificate: Base64
    statement_signature: Base64
    device_request: DeviceRequestText

    def asked(self, kind: type[DeviceRequest]) -> AskedByCard:
        """What the card gave, decoded, with the request of this kind."""
        card = CardResponse(
            user_certificate=base64.b64decode(self.user_certificate),
            challenge_signature=base64.b64decode(self.challenge_signature),
            signature_certificate=base64.b64decode(self.signature_certificate),
            statement_signature=base64.b64decode(self.statement_signature),
        )
        return AskedByCard(kind, self.challenge_id, card, self.device_request)


class ReleaseResponse(BaseModel):
    """The voter's private credential, which the device that asked can open, and nobody else. It is stored nowhere."""

    election_uuid: str
    sealed_credential: str
    """Base64 of HPKE's encapsulated key and ciphertext (see libs/device)."""
