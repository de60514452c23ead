"""What browsers and officers send and read."""

from __future__ import annotations

from typing import Annotated, Any, Final

from evote_face.statements import LARGEST_FACE_STATEMENT
from evote_platform.text import PlainText
from pydantic import BaseModel, Field

_ORDER = {
    "type": "string",
    "maxLength": LARGEST_FACE_STATEMENT,
    "description": "auth's FaceOrder, exactly as it gave it",
}
_PICTURE = {"type": "string", "format": "binary"}


def _multipart(properties: dict[str, Any], types: dict[str, str]) -> dict[str, Any]:
    schema = {"type": "object", "properties": properties, "required": list(properties)}
    encoding = {name: {"contentType": content_type} for name, content_type in types.items()}
    content = {"multipart/form-data": {"schema": schema, "encoding": encoding}}
    return {"requestBody": {"required": True, "content": content}}


ENROLMENT_BODY: Final = _multipart({"order": _ORDER, "photo": _PICTURE}, {"photo": "image/jpeg, image/png"})
FRAMES_BODY: Final = _multipart(
    {
        "nonce": {"type": "string", "pattern": "^[0-9a-f]{32}$"},
        "timestamps": {
            "type": "string",
            "description": "When each frame was taken: whole milliseconds since the first, separated by commas",
        },
        "frames": {"type": "array", "items": _PICTURE, "minItems": 8, "maxItems": 24},
    },
    {"frames": "image/jpeg, image/png"},
)


class EnrolmentResponse(BaseModel):
    """The face is enrolled; the photo is forgotten."""

    election_uuid: str
    order_id: str


class VerificationRequest(BaseModel):
    """auth's order to verify, exactly as it gave it."""

    order: Annotated[PlainText, Field(max_length=LARGEST_FACE_STATEMENT)]


class VerificationResponse(BaseModel):
    """What the resident has to do, in this order, each time returning to the centre; then send the frames."""

    verification_id: str
    actions: list[str]
    instructions: list[str]
    """In Japanese, one for each action."""
    nonce: str
    expires_at: str
    attempts_left: int


class VerdictResponse(BaseModel):
    """biometric's signed FaceVerdict, for auth."""

    verdict: str


class FaceCountsResponse(BaseModel):
    """Counts of one election; ``erased`` is null until its templates are erased."""

    enrolled: int
    verified: int
    rejected: dict[str, int]
    erased: int | None


class ReissueResponse(BaseModel):
    """The template's new version."""

    version: int
