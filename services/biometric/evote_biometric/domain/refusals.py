"""Why biometric refuses: one type for each reason, with the facts in fields and nothing of a face."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from .quality import QualityFault


class Refusal(Exception):
    """The base of all refusals."""


class RejectionReason(StrEnum):
    """Why a burst of frames was no live face of the enrolled person. Goes into the event log."""

    STILL_PHOTO = "still-photo"
    WRONG_ACTIONS = "wrong-actions"
    NO_RETURN_TO_CENTRE = "no-return-to-centre"
    TOO_FEW_FRAMES = "too-few-frames"
    BAD_TIMING = "bad-timing"
    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    FACE_COVERED = "face-covered"
    EYES_COVERED = "eyes-covered"
    POOR_PICTURES = "poor-pictures"
    ANOTHER_PERSON_DURING = "another-person-during"
    NOT_GENUINE = "not-genuine"
    REPLAYED = "replayed"
    NOT_THE_ENROLLED_FACE = "not-the-enrolled-face"


@dataclass
class FaceRefused(Refusal):
    """The burst is refused."""

    reason: RejectionReason
    attempts_left: int = 0


@dataclass
class PhotoRefused(Refusal):
    """The photo can't be enrolled; ``faults`` say what to change."""

    faults: tuple[QualityFault, ...]


@dataclass
class PictureUnreadable(Refusal):
    """What was sent can't be decoded as one picture within the limits."""

    fault: str


@dataclass
class OrderUsed(Refusal):
    """The order has done what it was for."""


@dataclass
class OrderForOtherPurpose(Refusal):
    """An order to enrol can't verify, and the other way round."""


@dataclass
class NoAttemptsLeft(Refusal):
    """The order's attempts are used up; auth gives another one."""


@dataclass
class TooManyAttempts(Refusal):
    """This voter has tried too often without success and has to wait."""

    retry_after_s: float


@dataclass
class NotEnrolled(Refusal):
    """No template is kept for this voter."""


@dataclass
class TemplatesErased(Refusal):
    """The election's result is certified, or it was given up, and its templates are erased."""


@dataclass
class MasterKeyChanged(Refusal):
    """The election's key was wrapped under another master key."""


@dataclass
class VerificationUnknown(Refusal):
    """No such verification was begun."""


@dataclass
class VerificationUsed(Refusal):
    """The verification has had its burst."""


@dataclass
class VerificationExpired(Refusal):
    """The verification is too old."""

    expired_at: datetime


@dataclass
class NonceWrong(Refusal):
    """The burst was made for another verification."""


@dataclass
class Overloaded(Refusal):
    """Too many pictures wait, no worker is ready, or the worker that had the picture is gone."""

    retry_after_s: float
