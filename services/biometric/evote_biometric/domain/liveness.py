"""Whether a burst of frames shows one live person who does what was asked, judged from the readings alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from itertools import pairwise
from statistics import median, median_low
from typing import Final

from .actions import Action
from .likeness import Template, distance
from .quality import COVERED, QualityFault, quality_faults
from .reading import FaceReading
from .refusals import FaceRefused, RejectionReason

LEAST_FRAMES, MOST_FRAMES = 8, 24
SHORTEST_BURST, LONGEST_BURST = timedelta(seconds=1.5), timedelta(seconds=30)
_LONGEST_GAP = timedelta(seconds=3)
_CLOCK_TOLERANCE = timedelta(seconds=2)
_TURNED_DEG: Final = 12.0
_LOOKING_UP_DEG: Final = 8.0
_CENTRE_YAW_DEG: Final = 9.0
_CENTRE_PITCH_DEG: Final = 6.0
_CLOSED: Final = 0.74
"""Of the eye's openness at rest. Where these five come from: ADR 11, *Limits of the actions*."""
_LEAST_GENUINE: Final = 0.5
_SAME_PERSON_FACTOR: Final = 2.0
"""A turned head is further from the enrolled template than the threshold; another person's is further still."""
_MOST_LOST_SHARE: Final = 0.25
"""Of the frames may show no face: detectors lose a head that is turned far."""


class _Rest(StrEnum):
    CENTRE = "centre"


@dataclass(frozen=True)
class _RestingFace:
    """How this person looks straight at this camera."""

    yaw_deg: float
    pitch_deg: float
    eye_openness: float


_Pose = Action | _Rest | None
"""What a frame shows; None is on the way between two poses."""


def require_plausible_times(times_ms: Sequence[int], since_asked: timedelta) -> None:
    """Refuse a burst that no camera has taken since the actions were asked; needs no picture.

    Raises:
        FaceRefused: too few or too many frames, not in order, with gaps, too fast, too slow, or longer than the time
            that has passed.
    """
    if not LEAST_FRAMES <= len(times_ms) <= MOST_FRAMES:
        raise FaceRefused(RejectionReason.TOO_FEW_FRAMES)
    gaps = [later - earlier for earlier, later in pairwise(times_ms)]
    if min(gaps) <= 0 or timedelta(milliseconds=max(gaps)) > _LONGEST_GAP:
        raise FaceRefused(RejectionReason.BAD_TIMING)
    length = timedelta(milliseconds=times_ms[-1] - times_ms[0])
    if not SHORTEST_BURST <= length <= min(LONGEST_BURST, since_asked + _CLOCK_TOLERANCE):
        raise FaceRefused(RejectionReason.BAD_TIMING)


def require_live(readings: Sequence[FaceReading], actions: Sequence[Action], threshold: float) -> tuple[Template, ...]:
    """The templates of the frames that look straight ahead, once the burst has passed every rule.

    Rules, in order: one face in each frame; nothing covers it; pictures good enough; genuine; one person all along;
    the actions, each with its return.

    Args:
        threshold: the likeness threshold; between frames of one burst twice as much is allowed.

    Raises:
        FaceRefused: with the first reason that holds.
    """
    _require_one_face(readings)
    seen = [reading for reading in readings if reading.faces == 1]
    _require_uncovered(seen)
    faults = set(quality_faults(seen[0])) - {QualityFault.MOUTH_COVERED, QualityFault.EYES_COVERED}
    if faults:
        raise FaceRefused(RejectionReason.POOR_PICTURES)
    if median(reading.genuineness for reading in seen) < _LEAST_GENUINE:
        raise FaceRefused(RejectionReason.NOT_GENUINE)
    _require_one_person(seen, threshold)
    rest = _rest_of(seen)
    poses = [_pose(reading, rest) for reading in seen]
    _require_actions(poses, actions)
    return tuple(reading.template for reading, pose in zip(seen, poses, strict=True) if pose is _Rest.CENTRE)


def _require_one_face(readings: Sequence[FaceReading]) -> None:
    if any(reading.faces > 1 for reading in readings):
        raise FaceRefused(RejectionReason.SEVERAL_FACES)
    lost = sum(reading.faces == 0 for reading in readings)
    if lost > len(readings) * _MOST_LOST_SHARE or readings[0].faces == 0 or readings[-1].faces == 0:
        raise FaceRefused(RejectionReason.NO_FACE)


def _require_uncovered(seen: Sequence[FaceReading]) -> None:
    # The mouth first: eyes are compared with nose and cheeks, and differ from a mask that lies over these.
    if median(reading.mouth_covered for reading in seen) > COVERED:
        raise FaceRefused(RejectionReason.FACE_COVERED)
    if median(reading.eyes_covered for reading in seen) > COVERED:
        raise FaceRefused(RejectionReason.EYES_COVERED)


def _require_one_person(seen: Sequence[FaceReading], threshold: float) -> None:
    """Every frame near the first: who turns the head is who looks straight, and not a picture held up meanwhile."""
    if any(distance(seen[0].template, reading.template) > threshold * _SAME_PERSON_FACTOR for reading in seen[1:]):
        raise FaceRefused(RejectionReason.ANOTHER_PERSON_DURING)


def _rest_of(seen: Sequence[FaceReading]) -> _RestingFace:
    """Medians, for one frame's angles are estimated within several degrees; of those frames that can tell.

    A turned head reads as lowered by up to 9°, closed eyes as raised by some, and the page takes more pictures of
    actions than of rest: of three turns, most frames are turned.
    """
    # No side has half of the frames, for no action comes twice in a row. The lower of two in the middle, so that one
    # frame at least is at rest by it.
    yaw_deg = median_low(reading.yaw_deg for reading in seen)
    ahead = [reading for reading in seen if abs(reading.yaw_deg - yaw_deg) < _TURNED_DEG]
    openness = sorted(reading.eye_openness for reading in ahead)
    # The more open half: two blinks close the eyes in half of these frames, and nature in some more.
    eye_openness = median(openness[len(openness) // 2 :])
    pitches = sorted(reading.pitch_deg for reading in ahead if reading.eye_openness >= eye_openness * _CLOSED)
    # Without those that are raised: of two looks upwards and a head that is late to return, they are most. The lower
    # half's median is a face at rest, but in the noise's lower half.
    lowered_deg = median(pitches[: (len(pitches) + 1) // 2])
    pitch_deg = median(pitch for pitch in pitches if pitch <= lowered_deg + _CENTRE_PITCH_DEG)
    return _RestingFace(yaw_deg, pitch_deg, eye_openness)


def _pose(reading: FaceReading, rest: _RestingFace) -> _Pose:
    yaw, pitch = reading.yaw_deg - rest.yaw_deg, reading.pitch_deg - rest.pitch_deg
    if abs(yaw) >= _TURNED_DEG:
        return Action.TURN_LEFT if yaw > 0 else Action.TURN_RIGHT
    if pitch >= _LOOKING_UP_DEG:
        return Action.LOOK_UP
    if abs(yaw) > _CENTRE_YAW_DEG or abs(pitch) > _CENTRE_PITCH_DEG:
        return None
    return Action.BLINK if reading.eye_openness < rest.eye_openness * _CLOSED else _Rest.CENTRE


def _require_actions(poses: Sequence[_Pose], actions: Sequence[Action]) -> None:
    """Centre, action, centre, …, centre. A blink that wasn't asked for is nature; every other extra is wrong."""
    expected: list[_Pose] = [_Rest.CENTRE]
    for action in actions:
        expected += [action, _Rest.CENTRE]
    done = 0
    for pose in poses:
        if done < len(expected) and pose is expected[done]:
            done += 1
        elif pose not in (None, Action.BLINK, expected[done - 1]):
            raise FaceRefused(RejectionReason.WRONG_ACTIONS)
    if done == len(expected):
        return
    if all(pose in (None, _Rest.CENTRE) for pose in poses):
        raise FaceRefused(RejectionReason.STILL_PHOTO)
    last_only = done == len(expected) - 1
    raise FaceRefused(RejectionReason.NO_RETURN_TO_CENTRE if last_only else RejectionReason.WRONG_ACTIONS)
