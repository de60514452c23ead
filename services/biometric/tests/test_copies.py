"""Which bursts are copies of earlier ones: the puppet's faces, aligned as for recognition, without the model of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from evote_biometric.domain.copies import Sketch, is_copied
from evote_biometric.engine.finding import FaceFinder, align
from evote_biometric.engine.picture import Picture, Pixels
from evote_biometric.engine.sketch import sketch_of
from evote_local.people.frame_thief import CHANGES, as_jpeg
from evote_local.people.puppet import Gesture, Puppet
from evote_local.people.sitting import sit_down

REST, LEFT, RIGHT, UP = Gesture(), Gesture(yaw_deg=24), Gesture(yaw_deg=-24), Gesture(pitch_deg=20)
Sketched = Callable[[Sequence[Pixels]], list[Sketch]]


@pytest.fixture(scope="module")
def finder(weights: Path) -> FaceFinder:
    return FaceFinder(weights)


@pytest.fixture(scope="module")
def sketched(finder: FaceFinder) -> Sketched:
    def sketch(pixels: Pixels) -> Sketch:
        (box,) = finder.find(pixels)
        return sketch_of(align(pixels, finder.points(pixels, box)))

    return lambda film: [sketch(pixels) for pixels in film]


@pytest.fixture(scope="module")
def resident(finder: FaceFinder, portrait: Picture) -> Puppet:
    """Small, so that it is drawn quickly."""
    small = np.asarray(cv2.resize(portrait.pixels, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA), np.uint8)
    return Puppet(small, finder.points(small, finder.find(small)[0]))


def filmed(resident: Puppet, gestures: Sequence[Gesture], seed: int) -> list[Pixels]:
    """A session of its own, as the camera sends it."""
    random = np.random.default_rng(seed)
    return [as_jpeg(pixels, 92) for pixels in sit_down(random).film(resident, gestures, random)]


@pytest.fixture(scope="module")
def first(resident: Puppet) -> list[Pixels]:
    return filmed(resident, [REST, LEFT, REST, UP, REST, RIGHT, REST], seed=1)


def test_a_second_session_of_the_same_resident_is_no_copy(
    resident: Puppet, first: list[Pixels], sketched: Sketched
) -> None:
    second = filmed(resident, [REST, UP, REST, RIGHT, REST, LEFT, REST], seed=2)
    assert not is_copied(sketched(second), sketched(first))


@pytest.mark.parametrize("change", CHANGES)
def test_changed_frames_are_copies_in_any_order(first: list[Pixels], sketched: Sketched, change: str) -> None:
    put_together = [first[number] for number in (0, 5, 2, 1, 4, 3, 6)]
    assert is_copied(sketched([CHANGES[change](pixels) for pixels in put_together]), sketched(first))


def test_a_burst_put_together_from_two_earlier_ones_is_a_copy(
    resident: Puppet, first: list[Pixels], sketched: Sketched
) -> None:
    second = filmed(resident, [REST, UP, REST, RIGHT, REST], seed=3)
    put_together = [CHANGES["JPEG of quality 60"](pixels) for pixels in first[:4] + second[1:]]
    assert is_copied(sketched(put_together), sketched(first) + sketched(second))


def test_nothing_is_a_copy_of_nothing() -> None:
    assert not is_copied([], [(1,) * 1024])
    assert not is_copied([(1,) * 1024], [])
