"""What clients send and read."""

from __future__ import annotations

import base64
import binascii
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field
from pydantic_core import PydanticCustomError

from ..domain.release import CardResponse


def _is_base64(text: str) -> str:
    try:
        base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise PydanticCustomError("base64", "must be base64") from error
    return text


Base64 = Annotated[
    str, Field(min_length=4, max_length=12_000, pattern=r"^[A-Za-z0-9+/]+={0,2}$"), AfterValidator(_is_base64)
]


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


class ChallengeResponse(BaseModel):
    """Texts for the card to sign (RSA PKCS#1 v1.5 with SHA-256 over their UTF-8 bytes)."""

    challenge_id: str
    challenge: str
    """For the user-authentication key (利用者証明用)."""
    release_statement: str
    """For the signature key (署名用)."""
    expires_at: str


class ReleaseRequest(BaseModel):
    """What the card answered; certificates are DER, everything is base64."""

    model_config = ConfigDict(extra="forbid")

    challenge_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    user_certificate: Base64
    challenge_signature: Base64
    signature_certificate: Base64
    statement_signature: Base64

    def card_response(self) -> CardResponse:
        """What the card gave, decoded."""
        return CardResponse(
            user_certificate=base64.b64decode(self.user_certificate),
            challenge_signature=base64.b64decode(self.challenge_signature),
            signature_certificate=base64.b64decode(self.signature_certificate),
            statement_signature=base64.b64decode(self.statement_signature),
        )


class ReleaseResponse(BaseModel):
    """The voter's private credential. It is stored nowhere."""

    election_uuid: str
    credential: str
