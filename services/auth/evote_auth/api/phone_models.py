"""What voters send and read on the phone's way."""

from __future__ import annotations

from typing import Annotated

from evote_platform.text import PlainText
from pydantic import BaseModel, ConfigDict, Field

from .models import ChallengeResponse, DeviceRequestText, ReleaseResponse


class PhoneVisitResponse(ChallengeResponse):
    """What the app will have signed. The page sends its voter there only if both texts name its own key."""

    authorization_url: str
    """Where the browser goes, all but ``state``."""


class PhoneReleaseRequest(BaseModel):
    """What came back from the app, and what the device asks for."""

    model_config = ConfigDict(extra="forbid")

    challenge_id: Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]
    code: Annotated[PlainText, Field(min_length=1, max_length=2048, repr=False)]
    device_request: DeviceRequestText


class PhoneReleaseResponse(ReleaseResponse):
    """The credential, and for whom it is: the page asks its voter, who may have opened somebody else's address."""

    sealed_name: str
    """The name on the card that signed, sealed like the credential."""
