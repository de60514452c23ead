"""The quality gate: what a resident has to change before a photo is good enough to be enrolled."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Final

from evote_platform.wording import Words

from .reading import FaceReading


class QualityFault(StrEnum):
    """What is wrong with a picture."""

    NO_FACE = "no-face"
    SEVERAL_FACES = "several-faces"
    TOO_SMALL = "too-small"
    BLURRED = "blurred"
    TOO_DARK = "too-dark"
    TOO_BRIGHT = "too-bright"
    FLAT_LIGHT = "flat-light"
    TURNED_AWAY = "turned-away"
    EYES_CLOSED = "eyes-closed"
    MOUTH_COVERED = "mouth-covered"
    EYES_COVERED = "eyes-covered"


WHAT_TO_CHANGE: Final[Mapping[QualityFault, Words]] = {
    QualityFault.NO_FACE: Words(
        "顔が見つかりません。顔全体が入るように、正面から写してください。",
        "No face was found. Take the whole face, from the front.",
    ),
    QualityFault.SEVERAL_FACES: Words(
        "ほかの人の顔も写っています。お一人で写してください。",
        "Other faces are in the picture. Be alone in it.",
    ),
    QualityFault.TOO_SMALL: Words(
        "顔が小さすぎます。カメラに近づいてください。",
        "The face is too small. Come nearer to the camera.",
    ),
    QualityFault.BLURRED: Words(
        "写真がぼけています。レンズをふき、動かずに写してください。",
        "The photo is blurred. Wipe the lens, and hold still.",
    ),
    QualityFault.TOO_DARK: Words(
        "暗すぎます。明るい場所で、顔に光が当たるように写してください。",
        "It is too dark. Go to a bright place with light on your face.",
    ),
    QualityFault.TOO_BRIGHT: Words(
        "明るすぎます。強い光や逆光を避けて写してください。",
        "It is too bright. Avoid strong light and light from behind.",
    ),
    QualityFault.FLAT_LIGHT: Words(
        "顔の明暗がはっきりしません。もやや逆光を避けて写してください。",
        "The face has no clear light and shade. Avoid haze and light from behind.",
    ),
    QualityFault.TURNED_AWAY: Words(
        "顔が正面を向いていません。カメラをまっすぐ見てください。",
        "The face is turned away. Look straight into the camera.",
    ),
    QualityFault.EYES_CLOSED: Words(
        "目が閉じています。目を開けて写してください。",
        "The eyes are shut. Open them for the photo.",
    ),
    QualityFault.MOUTH_COVERED: Words(
        "口や鼻が隠れています。マスクなどを外してください。",
        "Your mouth or nose is covered. Take off a mask or the like.",
    ),
    QualityFault.EYES_COVERED: Words(
        "目が隠れています。サングラスや前髪をよけてください。",
        "Your eyes are covered. Take off sunglasses, and keep your hair away from them.",
    ),
}
"""What a resident reads about each fault."""

_MOST_YAW_DEG: Final = 20.0
_MOST_PITCH_DEG: Final = 18.0
"""Angles are estimated within several degrees; so far the template hardly changes."""
_MOST_ROLL_DEG: Final = 20.0
_LEAST_FACE_PX: Final = 80
_LEAST_SHARPNESS: Final = 50.0
_DARKEST, _BRIGHTEST = 50.0, 215.0
_LEAST_CONTRAST: Final = 18.0
_OPEN_EYES: Final = 0.15
"""Shut ones are below 0.1; narrow open ones must not be refused."""
COVERED: Final = 0.5

_RULES: Final[Mapping[QualityFault, Callable[[FaceReading], bool]]] = {
    QualityFault.SEVERAL_FACES: lambda r: r.faces > 1,
    QualityFault.TOO_SMALL: lambda r: r.face_width < _LEAST_FACE_PX,
    QualityFault.BLURRED: lambda r: r.sharpness < _LEAST_SHARPNESS,
    QualityFault.TOO_DARK: lambda r: r.brightness < _DARKEST,
    QualityFault.TOO_BRIGHT: lambda r: r.brightness > _BRIGHTEST,
    QualityFault.FLAT_LIGHT: lambda r: r.contrast < _LEAST_CONTRAST,
    QualityFault.TURNED_AWAY: lambda r: (
        abs(r.yaw_deg) > _MOST_YAW_DEG or abs(r.pitch_deg) > _MOST_PITCH_DEG or abs(r.roll_deg) > _MOST_ROLL_DEG
    ),
    QualityFault.EYES_CLOSED: lambda r: r.eye_openness < _OPEN_EYES and r.eyes_covered <= COVERED,
    QualityFault.MOUTH_COVERED: lambda r: r.mouth_covered > COVERED,
    QualityFault.EYES_COVERED: lambda r: r.eyes_covered > COVERED,
}


def quality_faults(reading: FaceReading) -> tuple[QualityFault, ...]:
    """Everything that has to change, in the order in which a resident best changes it; empty when good."""
    if reading.faces == 0:
        return (QualityFault.NO_FACE,)
    return tuple(fault for fault, found in _RULES.items() if found(reading))
