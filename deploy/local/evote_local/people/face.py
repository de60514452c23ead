"""Somebody who comes by voting code and face: pictures of each pose, and the burst that the voting page takes.

Pictures of each pose are made beforehand, of the puppet or with a camera, so that a crowd costs its client little. In a
burst they come as biometric asks for them, with the noise of a camera: no two frames are the same bytes. Whoever tries
again sits otherwise: pictures that biometric has seen of somebody, with whatever noise, are *replayed* ones.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Final, Self

import cv2
import numpy as np
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PublicKey

from .puppet import Gesture, Pixels, Puppet, encode

STRAIGHT: Final = "straight"
GESTURES: Final[Mapping[str, Gesture]] = MappingProxyType(
    {
        STRAIGHT: Gesture(),
        "turn-left": Gesture(yaw_deg=24),
        "turn-right": Gesture(yaw_deg=-24),
        "look-up": Gesture(pitch_deg=20),
        "blink": Gesture(eyes_closed=0.9),
    }
)
"""What the puppet does for each pose: looking straight ahead, and biometric's actions by their names."""

SITTINGS: Final = (
    Gesture(),
    Gesture(yaw_deg=3, pitch_deg=1),
    Gesture(yaw_deg=-3, pitch_deg=-1),
    Gesture(yaw_deg=1, pitch_deg=-3),
)
"""How the puppet holds its head from one burst to the next: one for each attempt of an order, and one more for who
began anew, as their verdict was lost."""

# When the page takes pictures, in milliseconds after the words that ask for a pose: web/resident/ways/burst.ts, to
# which a test holds them.
STRAIGHT_MS: Final = (1500, 1950)
MOVED_MS: Final = (1500, 1950, 2400)
BLINK_MS: Final = (600, 1100, 1600, 2100)


class PosesUnreadable(Exception):
    """A folder lacks a pose's picture: ``path`` and ``reason``."""

    def __init__(self, path: Path, reason: str) -> None:
        super().__init__(
            f"{path}: {reason}; in a folder for each sitting there must be a PNG of each pose: {', '.join(GESTURES)}"
        )
        self.path = path
        self.reason = reason


@dataclass(frozen=True)
class Burst:
    """What is sent for one verification."""

    frames: Sequence[bytes] = field(repr=False)
    """JPEG files, in order."""
    times_ms: Sequence[int]
    """Of each frame, since the first."""
    seconds: float
    """From the first words to the last picture."""


@dataclass(frozen=True)
class Poses:
    """One person's pictures: of each sitting, one of each pose in :data:`GESTURES`."""

    sittings: Sequence[Mapping[str, Pixels]] = field(repr=False)

    @classmethod
    def of(cls, puppet: Puppet) -> Self:
        """Drawn by a puppet."""
        return cls(
            [{pose: puppet.frame(_held(gesture, head)) for pose, gesture in GESTURES.items()} for head in SITTINGS]
        )

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The PNGs of each sitting, as :meth:`write` leaves them; raises :class:`PosesUnreadable`."""
        sittings = sorted(path for path in folder.glob("*") if path.is_dir()) or [folder / "1"]
        return cls([{pose: _read(sitting / f"{pose}.png") for pose in GESTURES} for sitting in sittings])

    def write(self, folder: Path) -> None:
        """A PNG of each pose in folders of their sittings, which are made: ``1/straight.png`` and so on."""
        for number, pictures in enumerate(self.sittings, start=1):
            (folder / f"{number}").mkdir(parents=True, exist_ok=True)
            for pose, pixels in pictures.items():
                cv2.imwrite(str(folder / f"{number}" / f"{pose}.png"), cv2.cvtColor(pixels, cv2.COLOR_RGB2BGR))

    def photograph(self) -> bytes:
        """For the enrolment: a JPEG file that looks straight ahead."""
        return encode(self.sittings[0][STRAIGHT])

    def frame(self, sitting: int, pose: str, random: np.random.Generator) -> bytes:
        """A JPEG file, with a camera's noise."""
        return encode(_grain(self.sittings[sitting][pose], random))

    def burst(self, sitting: int, actions: Sequence[str], random: np.random.Generator) -> Burst:
        """As the page takes it: straight ahead before and behind each action."""
        frames, moments, begun = list[bytes](), list[int](), 0
        for pose, after_words in steps_of(actions):
            moments += [begun + moment for moment in after_words]
            frames += [self.frame(sitting, pose, random) for _ in after_words]
            begun = moments[-1]
        return Burst(frames, [moment - moments[0] for moment in moments], begun / 1000)


@dataclass(frozen=True)
class FaceWay:
    """What the devices of those who come by code and face know, and who sits before their cameras."""

    biometric_url: str
    code_key: X25519PublicKey
    """auth's, to which codes are sealed."""
    poses: Poses


def steps_of(actions: Sequence[str]) -> Sequence[tuple[str, Sequence[int]]]:
    """The page's steps: each a pose, and when pictures are taken, in milliseconds after the words that ask for it."""
    moved = [(action, BLINK_MS if action == "blink" else MOVED_MS) for action in actions]
    straight = (STRAIGHT, STRAIGHT_MS)
    return [straight, *(step for action in moved for step in (action, straight))]


def _held(gesture: Gesture, head: Gesture) -> Gesture:
    return replace(gesture, yaw_deg=gesture.yaw_deg + head.yaw_deg, pitch_deg=gesture.pitch_deg + head.pitch_deg)


def _grain(pixels: Pixels, random: np.random.Generator) -> Pixels:
    noise = np.frombuffer(random.bytes(pixels.size), np.uint8).reshape(pixels.shape) & 1
    return np.asarray(cv2.add(pixels, noise), np.uint8)


def _read(path: Path) -> Pixels:
    pixels = cv2.imread(str(path), cv2.IMREAD_COLOR) if path.is_file() else None
    if pixels is None:
        raise PosesUnreadable(path, "no picture can be read there")
    return np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB), np.uint8)
