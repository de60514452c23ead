"""Somebody before a camera, who never sits twice the same: a *simulation* around the puppet of one photograph.

The camera stands still; the head is elsewhere in each session and sways. The puppet's skin never moves, and nothing
moves behind it, so that it is stiller than a person: what tells its bursts apart tells persons' apart.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from .puppet import Gesture, Pixels, Puppet

_PLACE, _SWAY = 0.1, 0.015
"""Standard deviations, in widths of a head (about 15 cm): from session to session, and within one."""
_SWAY_YAW_DEG, _SWAY_PITCH_DEG = 1.0, 0.7
_LIGHT, _FLICKER = 0.04, 0.005
"""Standard deviations of the light, as a share of it: from session to session, and within one."""
_NOISE = 2.0
"""Standard deviation of a camera's noise, in levels."""


@dataclass(frozen=True)
class Sitting:
    """One session: where the resident sits, in widths of a head from the photograph's place, and how light it is."""

    aside: float
    lower: float
    light: float

    def film(self, puppet: Puppet, gestures: Sequence[Gesture], random: np.random.Generator) -> list[Pixels]:
        """A frame of each gesture, made as far as people make it."""
        return [self._frame(puppet, gesture, random) for gesture in gestures]

    def _frame(self, puppet: Puppet, asked: Gesture, random: np.random.Generator) -> Pixels:
        far = random.uniform(0.8, 1.15)
        done = replace(
            asked,
            yaw_deg=asked.yaw_deg * far + random.normal(0, _SWAY_YAW_DEG),
            pitch_deg=asked.pitch_deg * far + random.normal(0, _SWAY_PITCH_DEG),
            aside=self.aside + random.normal(0, _SWAY),
            lower=self.lower + random.normal(0, _SWAY),
        )
        seen = puppet.frame(done)
        lit = seen * (self.light + random.normal(0, _FLICKER)) + random.normal(0, _NOISE, seen.shape)
        return np.asarray(np.clip(lit, 0, 255), np.uint8)


def sit_down(random: np.random.Generator) -> Sitting:
    """Another session."""
    return Sitting(
        aside=random.normal(0, _PLACE), lower=random.normal(0, _PLACE / 2), light=1 + random.normal(0, _LIGHT)
    )
