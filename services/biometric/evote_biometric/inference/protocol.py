"""What service and worker say to each other over a pipe: a length, then bytes."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from ..domain.reading import FaceReading

LENGTH_BYTES = 4


class Ready(BaseModel):
    """The worker has loaded its models and read a picture: it is warm."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["ready"] = "ready"


class Read(BaseModel):
    """What was read from a picture; it never prints."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["read"] = "read"
    reading: FaceReading = Field(repr=False)


class UnreadableFault(StrEnum):
    """Why a picture was not read: it is no picture, or more than the limits allow."""

    WRONG_FORMAT = "wrong-format"
    TOO_LARGE = "too-large"
    BROKEN = "broken"


class Unreadable(BaseModel):
    """The picture was not read."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["unreadable"] = "unreadable"
    fault: UnreadableFault


class Failed(BaseModel):
    """The models failed on it: a fault of ours."""

    model_config = ConfigDict(frozen=True)
    kind: Literal["failed"] = "failed"
    error: str
    """The exception's type."""


Answer = Annotated[Ready | Read | Unreadable | Failed, Field(discriminator="kind")]
ANSWER: TypeAdapter[Ready | Read | Unreadable | Failed] = TypeAdapter(Answer)


def framed(content: bytes) -> bytes:
    """The bytes with their length in front."""
    return len(content).to_bytes(LENGTH_BYTES, "big") + content
