"""What voters and officers send and read on the face way."""

from __future__ import annotations

from typing import Annotated

from evote_face.statements import LARGEST_FACE_STATEMENT
from evote_platform.text import PlainText
from pydantic import BaseModel, ConfigDict, Field

from ..domain.voting_codes import LONGEST_TYPED


class FaceOrderRequest(BaseModel):
    """The code of the letter, as it was typed."""

    model_config = ConfigDict(extra="forbid")

    voting_code: Annotated[PlainText, Field(min_length=1, max_length=LONGEST_TYPED, repr=False)]


class FaceOrderResponse(BaseModel):
    """An order that biometric takes."""

    order: str
    """The signed statement, to be passed on exactly as it is."""
    expires_at: str


class FaceEnrolmentResponse(FaceOrderResponse):
    """An order to enrol, and the code to vote with later: shown this once, and stored nowhere."""

    voting_code: Annotated[str, Field(repr=False)]


class FaceReleaseRequest(BaseModel):
    """The signed verdict, exactly as biometric gave it."""

    model_config = ConfigDict(extra="forbid")

    verdict: Annotated[PlainText, Field(min_length=1, max_length=LARGEST_FACE_STATEMENT)]


class VotingCodesRequest(BaseModel):
    """New codes for all voters."""

    model_config = ConfigDict(extra="forbid")

    replaces: Annotated[int, Field(ge=1, le=2**31 - 1)] | None = None
    """The number of the issue whose letters become void; absent for the first one."""


class VotingCodeResponse(BaseModel):
    """A voter's new code: shown this once, and stored nowhere."""

    voter_id: str
    voting_code: Annotated[str, Field(repr=False)]
