"""What voters and officers send and read on the face way."""

from __future__ import annotations

from typing import Annotated

from evote_device.keys import DeviceKeyText
from evote_face.statements import LARGEST_FACE_STATEMENT
from evote_platform.text import PlainText
from pydantic import BaseModel, ConfigDict, Field

from .desk_models import OfficersAct
from .models import Base64, DeviceRequestText


class FaceOrderRequest(BaseModel):
    """The code of the letter, and the device that the order is for."""

    model_config = ConfigDict(extra="forbid")

    sealed_voting_code: Annotated[Base64, Field(max_length=1024)]
    """As it was typed, sealed to auth's key for voting codes with this device key (see libs/device)."""
    device_key: DeviceKeyText
    """The line of the keys that the device has made for this order alone (see libs/device)."""


class FaceOrderResponse(BaseModel):
    """An order that biometric takes."""

    order: str
    """The signed statement, to be passed on exactly as it is; one to verify only if it names the device's own key."""
    expires_at: str


class FaceEnrolmentResponse(FaceOrderResponse):
    """An order to enrol, and the code to vote with later: given this once, and stored nowhere."""

    sealed_voting_code: str
    """For the device that asked: base64 of HPKE's encapsulated key and ciphertext (see libs/device)."""


class FaceReleaseRequest(BaseModel):
    """The signed verdict, exactly as biometric gave it, and what the device asks for."""

    model_config = ConfigDict(extra="forbid")

    verdict: Annotated[PlainText, Field(min_length=1, max_length=LARGEST_FACE_STATEMENT)]
    device_request: DeviceRequestText


class VotingCodesRequest(OfficersAct):
    """New codes for all voters."""

    replaces: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """The number of the issue whose letters become void; absent for the first one."""


class VotingCodeResponse(BaseModel):
    """A voter's new code: shown this once, and stored nowhere."""

    voter_id: str
    voting_code: Annotated[str, Field(repr=False)]
