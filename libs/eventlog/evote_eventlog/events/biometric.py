"""``evote.biometric``: what happened to faces; never an image, a template, a distance or a score."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import ElectionEventData, Topic
from .identity import VoterRef

VerdictId = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]

RejectionName = Literal[
    "still-photo",
    "wrong-actions",
    "no-return-to-centre",
    "too-few-frames",
    "bad-timing",
    "no-face",
    "several-faces",
    "face-covered",
    "eyes-covered",
    "poor-pictures",
    "another-person-during",
    "not-genuine",
    "replayed",
    "not-the-enrolled-face",
]


class _FaceEvent(ElectionEventData):
    topic = Topic.BIOMETRIC

    voter_ref: VoterRef

    def partition_key(self) -> str:
        return self.voter_ref


class FaceEnrolled(_FaceEvent):
    """A voter's face was enrolled: a template is kept, encrypted, until the result is certified."""


class TemplateReissued(_FaceEvent):
    """A voter's template was given a new transform; whoever took the old one has nothing that fits."""


class FaceVerified(_FaceEvent):
    """A live face was the enrolled one; the signed verdict of this id went to the voter."""

    verdict_id: VerdictId


class FaceRejected(_FaceEvent):
    """A burst of frames was refused."""

    reason: RejectionName


class TemplateErased(ElectionEventData):
    """The election's key is destroyed and all its templates are gone; keyed by the election."""

    topic = Topic.BIOMETRIC

    templates: Annotated[int, Field(ge=0)]
    """How many there were."""
