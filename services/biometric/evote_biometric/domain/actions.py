"""What a resident is asked to do before the camera."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from enum import StrEnum
from itertools import pairwise
from typing import Final

Randomness = Callable[[int], bytes]
"""So many random bytes, as ``secrets.token_bytes`` gives them."""


class Action(StrEnum):
    """One movement; each is followed by looking straight at the camera again."""

    TURN_LEFT = "turn-left"
    TURN_RIGHT = "turn-right"
    LOOK_UP = "look-up"
    BLINK = "blink"


INSTRUCTIONS: Final[Mapping[Action, str]] = {
    Action.TURN_LEFT: "顔をゆっくり左に向け、正面に戻してください。",
    Action.TURN_RIGHT: "顔をゆっくり右に向け、正面に戻してください。",
    Action.LOOK_UP: "顔をゆっくり上に向け、正面に戻してください。",
    Action.BLINK: "目を一秒ほど閉じて、開けてください。",
}
"""What a resident reads for each action."""

_TURNS = (Action.TURN_LEFT, Action.TURN_RIGHT)


def choose_actions(random: Randomness) -> tuple[Action, ...]:
    """Three or four actions, no one twice in a row, at least one turn: a flat picture can't turn."""
    while True:
        count = 3 + _below(2, random)
        chosen = tuple(list(Action)[_below(len(Action), random)] for _ in range(count))
        if any(action in _TURNS for action in chosen) and all(a is not b for a, b in pairwise(chosen)):
            return chosen


def _below(limit: int, random: Randomness) -> int:
    # 2 and 4 divide 256: no value comes more often than another.
    return random(1)[0] % limit
