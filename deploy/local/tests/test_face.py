"""The burst of somebody who comes by face is the voting page's, and a folder without a pose is refused by its name."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest
from evote_local.people import face
from evote_local.people.face import GESTURES, Poses, PosesUnreadable

PAGE = Path(__file__).parents[3] / "web/resident/ways/burst.ts"
MOST_FRAMES = 24
"""That biometric takes (services/biometric/README.md)."""


@pytest.fixture
def poses() -> Poses:
    """Small, and each of another brightness."""
    return Poses(
        [
            {pose: np.full((48, 32, 3), 40 * number + sitting, np.uint8) for number, pose in enumerate(GESTURES)}
            for sitting in range(2)
        ]
    )


@pytest.mark.parametrize("name", ["STRAIGHT_MS", "MOVED_MS", "BLINK_MS"])
def test_pictures_are_taken_when_the_page_takes_them(name: str) -> None:
    written = re.search(rf"const {name} = \[([0-9, ]+)\];", PAGE.read_text())
    assert written is not None
    assert tuple(map(int, written[1].split(","))) == getattr(face, name)


def test_the_longest_burst_is_one_that_biometric_takes_and_no_two_frames_are_the_same(poses: Poses) -> None:
    burst = poses.burst(0, ["blink", "turn-left", "blink", "turn-right"], np.random.default_rng(1))
    assert len(burst.frames) == len(burst.times_ms) == MOST_FRAMES
    assert len(set(burst.frames)) == MOST_FRAMES
    assert burst.times_ms[0] == 0
    assert list(burst.times_ms) == sorted(set(burst.times_ms))
    assert burst.seconds == (burst.times_ms[-1] + face.STRAIGHT_MS[0]) / 1000


def test_what_is_written_is_read_and_a_missing_pose_is_named(poses: Poses, tmp_path: Path) -> None:
    poses.write(tmp_path)
    for read, written in zip(Poses.read(tmp_path).sittings, poses.sittings, strict=True):
        assert all((read[pose] == pixels).all() for pose, pixels in written.items())
    (tmp_path / "2/blink.png").write_bytes(b"no picture")
    with pytest.raises(PosesUnreadable, match=r"2/blink\.png"):
        Poses.read(tmp_path)
    with pytest.raises(PosesUnreadable, match=r"1/straight\.png"):
        Poses.read(tmp_path / "1")
