"""What the models read from photographs, and from a puppet that moves."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import cycle, product
from pathlib import Path

import cv2
import dlib
import numpy as np
import pytest
from evote_biometric.domain.copies import COPIED, nearest
from evote_biometric.domain.liveness import require_live
from evote_biometric.domain.reading import FaceReading
from evote_biometric.domain.refusals import FaceRefused
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.geometry import RIGHT_EYE, Points
from evote_biometric.engine.picture import Picture, Pixels
from evote_biometric.engine.weights import (
    RECOGNITION,
    WEIGHTS,
    WeightsDifferent,
    WeightsMissing,
    check_weights,
    weight_path,
)
from evote_local.people.face import Poses, steps_of
from evote_local.people.puppet import Gesture, Puppet, encode

from .conftest import every_challenge

pytestmark = pytest.mark.slow
LIMITS = Limits()
THRESHOLD = 0.065


def distance(one: tuple[float, ...], other: tuple[float, ...]) -> float:
    return 1 - float(np.dot(one, other))


def template(engine: FaceEngine, path: Path) -> tuple[float, ...]:
    return engine.read(decode(path.read_bytes(), LIMITS)).template


def shown(puppet: Puppet, gesture: Gesture) -> Picture:
    return decode(encode(puppet.frame(gesture)), LIMITS)


@pytest.mark.usefixtures("engine")
def test_the_models_leave_nothing_beside_their_weights(weights: Path) -> None:
    """An image of the service has the folder as it is."""
    files = {path for path in weights.rglob("*") if path.is_file()}
    assert files == {weight_path(weights, weight) for weight in WEIGHTS}


def test_photographs_of_one_person_are_nearer_than_those_of_two(engine: FaceEngine, photographs: Path) -> None:
    same = [template(engine, path) for path in sorted((photographs / "obama").iterdir())]
    other = template(engine, photographs / "biden/1.jpg")
    genuine = [distance(a, b) for number, a in enumerate(same) for b in same[:number]]
    assert len(genuine) == 3
    assert max(genuine) < 0.07 < min(distance(one, other) for one in same)


def test_a_template_has_length_one_and_is_the_same_each_time(engine: FaceEngine, portrait: Picture) -> None:
    first = engine.read(portrait)
    assert len(first.template) == 128
    assert np.linalg.norm(first.template) == pytest.approx(1)
    assert engine.read(portrait) == first


def test_no_face_reads_as_no_face(engine: FaceEngine) -> None:
    reading = engine.read(Picture(np.full((480, 640, 3), 128, np.uint8), 640, 480))
    assert (reading.faces, reading.template, reading.genuineness) == (0, (), 0)


def _on_one_another(points: Points) -> None:
    points[:] = points[0]


def _eyes_without_width(points: Points) -> None:
    points[RIGHT_EYE] = points[RIGHT_EYE].mean(axis=0)


def _no_number(points: Points) -> None:
    points[30, 0] = np.nan


def _an_eye_no_number(points: Points) -> None:
    points[37] = np.inf


@pytest.mark.parametrize("spoil", [_on_one_another, _eyes_without_width, _no_number, _an_eye_no_number])
def test_landmarks_that_no_head_has_read_as_no_face(
    engine: FaceEngine, portrait: Picture, spoil: Callable[[Points], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not as angles that are no numbers, of which there is no median, nor as a fault of ours."""
    find = FaceFinder.points

    def spoilt(self: FaceFinder, pixels: Pixels, box: dlib.rectangle) -> Points:
        points = find(self, pixels, box).copy()
        spoil(points)
        return points

    monkeypatch.setattr(FaceFinder, "points", spoilt)
    reading = engine.read(portrait)
    assert (reading.faces, reading.template, reading.genuineness) == (0, (), 0)


def test_every_face_of_a_group_is_counted(engine: FaceEngine, photographs: Path) -> None:
    assert engine.read(decode((photographs / "crowds/1.jpg").read_bytes(), LIMITS)).faces >= 5


def test_sizes_are_those_of_the_picture_as_it_was_sent(engine: FaceEngine, photographs: Path) -> None:
    content = (photographs / "obama/3.jpg").read_bytes()
    large, small = (engine.read(decode(content, Limits(longest_side_kept=side))) for side in (1600, 900))
    assert (large.picture_width, large.picture_height) == (small.picture_width, small.picture_height) == (1434, 2333)
    assert large.face_width == pytest.approx(small.face_width, rel=0.1)


def test_a_head_that_turns_reads_as_turned(engine: FaceEngine, puppet: Puppet) -> None:
    left, right = (engine.read(shown(puppet, Gesture(yaw_deg=yaw))).yaw_deg for yaw in (24, -24))
    assert left > 15
    assert right < -15


def test_a_head_that_looks_up_or_down_reads_so(engine: FaceEngine, puppet: Puppet) -> None:
    up, down = (engine.read(shown(puppet, Gesture(pitch_deg=pitch))).pitch_deg for pitch in (15, -15))
    assert up - down > 15


def test_a_head_that_leans_reads_so(engine: FaceEngine, portrait: Picture) -> None:
    height, width = portrait.pixels.shape[:2]
    # Clockwise in the picture: towards the person's left shoulder.
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), -15, 1)
    leaning = np.asarray(cv2.warpAffine(portrait.pixels, turn, (width, height)), np.uint8)
    roll = engine.read(Picture(leaning, width, height)).roll_deg - engine.read(portrait).roll_deg
    assert roll == pytest.approx(15, abs=4)


def test_closed_eyes_read_as_closed(engine: FaceEngine, puppet: Puppet) -> None:
    opened = engine.read(shown(puppet, Gesture())).eye_openness
    closed = engine.read(shown(puppet, Gesture(eyes_closed=1))).eye_openness
    assert opened > 0.2 > 0.15 > closed


def test_the_puppet_stays_the_same_person(engine: FaceEngine, puppet: Puppet) -> None:
    rest = engine.read(shown(puppet, Gesture())).template
    for gesture in (Gesture(yaw_deg=20), Gesture(yaw_deg=-20), Gesture(eyes_closed=1)):
        assert distance(rest, engine.read(shown(puppet, gesture)).template) < 0.05


def test_blur_and_dark_read_as_such(engine: FaceEngine, portrait: Picture) -> None:
    plain = engine.read(portrait)
    blurred = np.asarray(cv2.GaussianBlur(portrait.pixels, (0, 0), 4), np.uint8)
    dark = (portrait.pixels * 0.2).astype(np.uint8)
    assert engine.read(Picture(blurred, portrait.sent_width, portrait.sent_height)).sharpness < plain.sharpness / 5
    assert engine.read(Picture(dark, portrait.sent_width, portrait.sent_height)).brightness < plain.brightness / 3


def test_missing_and_different_weights_keep_the_engine_from_starting(weights: Path, tmp_path: Path) -> None:
    with pytest.raises(WeightsMissing):
        FaceEngine(tmp_path)
    for source in weight_path(weights, RECOGNITION).parent.iterdir():
        target = tmp_path / source.relative_to(weights)
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    check_weights(tmp_path)
    with weight_path(tmp_path, RECOGNITION).open("r+b") as stream:
        stream.write(b"\0")
    with pytest.raises(WeightsDifferent):
        FaceEngine(tmp_path)


def test_the_engine_reads_without_any_network(weights: Path, photographs: Path) -> None:
    program = (
        "import pathlib, socket, sys\n"
        "assert [name for _, name in socket.if_nameindex()] == ['lo']\n"
        "from evote_biometric.engine.decoding import Limits, decode\n"
        "from evote_biometric.engine.face_engine import FaceEngine\n"
        "picture = decode(pathlib.Path(sys.argv[2]).read_bytes(), Limits())\n"
        "assert len(FaceEngine(pathlib.Path(sys.argv[1])).read(picture).template) == 128\n"
    )
    arguments = [sys.executable, "-c", program, str(weights), str(photographs / "obama/1.jpg")]
    home = {**os.environ, "HOME": str(weights / "nobody")}
    done = subprocess.run(
        ["unshare", "--user", "--net", *arguments], env=home, capture_output=True, text=True, timeout=200, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert not (weights / "nobody").exists()


Sitting = Mapping[str, Sequence[FaceReading]]


@pytest.fixture(scope="module")
def sittings(engine: FaceEngine, puppet: Puppet) -> list[Sitting]:
    """What is read of the puppet's pictures: two of each pose, with noise."""
    random, poses = np.random.default_rng(1), Poses.of(puppet)
    return [
        {pose: [engine.read(decode(poses.frame(number, pose, random), LIMITS)) for _ in range(2)] for pose in pictures}
        for number, pictures in enumerate(poses.sittings)
    ]


def test_the_puppet_is_taken_for_live_whatever_it_is_asked(sittings: list[Sitting]) -> None:
    refused = {}
    for (number, sitting), asked in product(enumerate(sittings), every_challenge()):
        shown = {pose: cycle(readings) for pose, readings in sitting.items()}
        steps = steps_of([str(action) for action in asked])
        try:
            require_live([next(shown[pose]) for pose, moments in steps for _ in moments], asked, THRESHOLD)
        except FaceRefused as refusal:
            refused[number, asked] = refusal.reason
    assert refused == {}


def test_who_comes_again_shows_no_frame_of_an_earlier_sitting(sittings: list[Sitting]) -> None:
    sketches = [[one.sketch for readings in sitting.values() for one in readings] for sitting in sittings]
    for number, mine in enumerate(sketches):
        others = [sketch for other, theirs in enumerate(sketches) if other != number for sketch in theirs]
        assert min(nearest(mine, others)) > 2 * COPIED
        # Noise alone makes no other picture: each pose was taken twice.
        assert max(nearest(mine[::2], mine[1::2])) < COPIED
