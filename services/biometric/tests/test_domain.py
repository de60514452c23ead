"""The rules of faces, from readings alone."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import groupby, pairwise

import numpy as np
import pytest
from evote_biometric.api.problems import REASONS
from evote_biometric.domain.actions import INSTRUCTIONS, Action, choose_actions
from evote_biometric.domain.attempts import FORGOTTEN_AFTER, FREE_ATTEMPTS, Attempts, wait_after
from evote_biometric.domain.likeness import distance, is_enrolled_face, transform, transform_back
from evote_biometric.domain.liveness import require_live, require_plausible_times
from evote_biometric.domain.quality import WHAT_TO_CHANGE, QualityFault, quality_faults
from evote_biometric.domain.reading import FaceReading
from evote_biometric.domain.refusals import FaceRefused, MasterKeyChanged, RejectionReason
from evote_biometric.keys import ElectionKey, MasterKey, TemplateUnreadable
from evote_eventlog.events.biometric import RejectionName
from evote_local.people.face import STRAIGHT, steps_of
from hypothesis import given, settings
from hypothesis import strategies as st

from .conftest import every_challenge

Act = Callable[..., list[FaceReading]]
THRESHOLD = 0.07
ACTIONS = (Action.TURN_LEFT, Action.BLINK, Action.TURN_RIGHT)
NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


def refusal(readings: list[FaceReading], actions: tuple[Action, ...] = ACTIONS) -> RejectionReason:
    with pytest.raises(FaceRefused) as refused:
        require_live(readings, actions, THRESHOLD)
    return refused.value.reason


@pytest.mark.parametrize(
    ("changed", "fault"),
    [
        ({"faces": 0}, QualityFault.NO_FACE),
        ({"faces": 2}, QualityFault.SEVERAL_FACES),
        ({"face_width": 60}, QualityFault.TOO_SMALL),
        ({"sharpness": 20.0}, QualityFault.BLURRED),
        ({"brightness": 20.0}, QualityFault.TOO_DARK),
        ({"brightness": 240.0}, QualityFault.TOO_BRIGHT),
        ({"contrast": 5.0}, QualityFault.FLAT_LIGHT),
        ({"yaw_deg": 30.0}, QualityFault.TURNED_AWAY),
        ({"yaw_deg": -30.0}, QualityFault.TURNED_AWAY),
        ({"pitch_deg": 25.0}, QualityFault.TURNED_AWAY),
        ({"roll_deg": 30.0}, QualityFault.TURNED_AWAY),
        ({"eye_openness": 0.1}, QualityFault.EYES_CLOSED),
        ({"mouth_covered": 0.9}, QualityFault.MOUTH_COVERED),
        ({"eyes_covered": 0.9, "eye_openness": 0.1}, QualityFault.EYES_COVERED),
    ],
)
def test_each_fault_of_a_photo_is_named(reading: FaceReading, changed: dict, fault: QualityFault) -> None:
    assert quality_faults(reading) == ()
    assert quality_faults(replace(reading, **changed)) == (fault,)


def test_everything_that_a_resident_reads_has_a_text() -> None:
    assert set(WHAT_TO_CHANGE) == set(QualityFault)
    assert set(REASONS) == set(RejectionReason)
    assert set(INSTRUCTIONS) == set(Action)


def test_every_reason_can_be_an_event() -> None:
    assert set(RejectionName.__args__) == {reason.value for reason in RejectionReason}


def test_who_does_what_was_asked_is_live_and_only_straight_frames_are_compared(act: Act) -> None:
    readings = act(ACTIONS)
    straight = require_live(readings, ACTIONS, THRESHOLD)
    assert len(straight) == len(readings) - len(ACTIONS)


def at_the_pages_pace(actions: Sequence[Action], poses: Mapping[str, FaceReading]) -> list[FaceReading]:
    """A reading of each picture that the voting page takes."""
    return [poses[pose] for pose, moments in steps_of([str(action) for action in actions]) for _ in moments]


@pytest.fixture
def poses(reading: FaceReading) -> dict[str, FaceReading]:
    """About as the puppet's are read."""
    return {
        STRAIGHT: reading,
        Action.TURN_LEFT: replace(reading, yaw_deg=23.0, pitch_deg=-9.0, eye_openness=0.34),
        Action.TURN_RIGHT: replace(reading, yaw_deg=-18.0, pitch_deg=-7.0, eye_openness=0.26),
        Action.LOOK_UP: replace(reading, pitch_deg=9.0, eye_openness=0.26),
        Action.BLINK: replace(reading, pitch_deg=2.0, eye_openness=0.21),
    }


@pytest.mark.parametrize("asked", every_challenge(), ids="+".join)
def test_who_turns_more_often_than_not_is_not_refused_though_turned_heads_read_as_lowered(
    asked: tuple[Action, ...], poses: dict[str, FaceReading]
) -> None:
    burst = at_the_pages_pace(asked, poses)
    assert len(require_live(burst, asked, THRESHOLD)) == 2 * (len(asked) + 1)


@pytest.mark.parametrize("is_late", [lambda pose: pose == STRAIGHT, lambda _: True], ids=["to return", "always"])
@pytest.mark.parametrize("asked", every_challenge(), ids="+".join)
def test_who_follows_the_words_late_is_not_refused(
    asked: tuple[Action, ...], is_late: Callable[[str], bool], poses: dict[str, FaceReading]
) -> None:
    """The first picture of a step may still show the pose before it."""
    burst: list[FaceReading] = []
    for pose, moments in steps_of([str(action) for action in asked]):
        late = burst[-1:] if is_late(pose) else []
        burst += [*late, *[poses[pose] for _ in moments[len(late) :]]]
    assert len(require_live(burst, asked, THRESHOLD)) >= len(asked) + 2


def test_where_a_face_rests_is_in_the_middle_of_its_noise(reading: FaceReading) -> None:
    """Not below it: who nods by less than a look upwards would be taken to look up."""
    nods = [replace(reading, pitch_deg=pitch) for pitch in (-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0, 7.0)]
    assert refusal(nods) is RejectionReason.STILL_PHOTO


def test_two_long_blinks_and_two_of_nature_leave_the_eyes_at_rest_open(reading: FaceReading) -> None:
    asked = (Action.BLINK, Action.TURN_LEFT, Action.BLINK)
    closed = replace(reading, eye_openness=0.1)
    burst = at_the_pages_pace(
        asked, {STRAIGHT: reading, Action.TURN_LEFT: replace(reading, yaw_deg=23.0), Action.BLINK: closed}
    )
    burst[1] = burst[-2] = closed
    require_live(burst, asked, THRESHOLD)


def test_a_head_that_is_on_either_side_and_never_between_is_refused(reading: FaceReading) -> None:
    left, right = replace(reading, yaw_deg=20.0), replace(reading, yaw_deg=-20.0)
    assert refusal([left] * 5 + [right] * 5) is RejectionReason.WRONG_ACTIONS


def test_a_blink_that_was_not_asked_for_is_nature(act: Act, reading: FaceReading) -> None:
    readings = act(ACTIONS)
    require_live([readings[0], replace(reading, eye_openness=0.1), *readings[1:]], ACTIONS, THRESHOLD)


def changed(readings: list[FaceReading], every: slice | int, **fields: object) -> list[FaceReading]:
    chosen = range(len(readings))[every] if isinstance(every, slice) else [every]
    return [replace(r, **fields) if number in chosen else r for number, r in enumerate(readings)]


@pytest.mark.parametrize(
    ("every", "fields", "reason"),
    [
        (3, {"faces": 2}, RejectionReason.SEVERAL_FACES),
        (slice(2, 6), {"faces": 0}, RejectionReason.NO_FACE),
        (0, {"faces": 0}, RejectionReason.NO_FACE),
        (slice(None), {"mouth_covered": 0.9}, RejectionReason.FACE_COVERED),
        (slice(None), {"eyes_covered": 0.9}, RejectionReason.EYES_COVERED),
        (slice(None), {"eyes_covered": 0.9, "mouth_covered": 0.9}, RejectionReason.FACE_COVERED),
        (slice(None), {"brightness": 10.0}, RejectionReason.POOR_PICTURES),
        (slice(None), {"genuineness": 0.1}, RejectionReason.NOT_GENUINE),
        (slice(None), {"yaw_deg": 0.0, "eye_openness": 0.3}, RejectionReason.STILL_PHOTO),
        (-1, {"yaw_deg": 10.5}, RejectionReason.NO_RETURN_TO_CENTRE),
    ],
)
def test_each_fault_of_a_burst_is_named(act: Act, every: slice | int, fields: dict, reason: RejectionReason) -> None:
    readings = act(ACTIONS)
    position = every if isinstance(every, slice) else range(len(readings))[every]
    assert refusal(changed(readings, position, **fields)) is reason


@pytest.mark.parametrize(
    "done",
    [
        (Action.TURN_RIGHT, Action.BLINK, Action.TURN_LEFT),
        (Action.TURN_LEFT, Action.BLINK),
        (Action.TURN_LEFT, Action.BLINK, Action.TURN_RIGHT, Action.TURN_LEFT),
        (Action.LOOK_UP, Action.BLINK, Action.TURN_RIGHT),
    ],
)
def test_other_actions_are_refused(act: Act, done: tuple[Action, ...]) -> None:
    assert refusal(act(done)) is RejectionReason.WRONG_ACTIONS


def test_a_picture_held_up_while_another_person_acts_is_refused(act: Act, person) -> None:
    readings = act(ACTIONS)
    assert refusal(changed(readings, 2, template=person(2))) is RejectionReason.ANOTHER_PERSON_DURING


@settings(max_examples=300)
@given(
    st.integers(3, 4).flatmap(lambda n: st.lists(st.sampled_from(list(Action)), min_size=n, max_size=n)),
    st.lists(st.sampled_from([*Action, None]), max_size=20),
)
def test_a_burst_that_lacks_an_action_is_never_live(asked: list[Action], shown: list[Action | None]) -> None:
    rest = _rest()
    poses = {
        None: {},
        Action.TURN_LEFT: {"yaw_deg": 25.0},
        Action.TURN_RIGHT: {"yaw_deg": -25.0},
        Action.LOOK_UP: {"pitch_deg": 18.0},
        Action.BLINK: {"eye_openness": 0.1},
    }
    readings = [rest, *(replace(rest, **poses[pose]) for pose in shown), rest]
    seen = iter(shown)
    has_all_in_order = all(any(pose is action for pose in seen) for action in asked)
    try:
        require_live(readings, asked, THRESHOLD)
    except FaceRefused:
        return
    assert has_all_in_order
    # Held over several frames, a pose is one action.
    poses_in_order = [pose for pose, _ in groupby(pose for pose in shown if pose is not Action.BLINK)]
    assert [pose for pose in poses_in_order if pose] == [action for action in asked if action is not Action.BLINK]


def _rest() -> FaceReading:
    template = (1.0, *([0.0] * 127))
    return FaceReading(1, 640, 480, 200, 300, 130, 50, 0, 0, 0, 0.3, 0, 0, 1, template, ())


@pytest.mark.parametrize(
    ("times", "reason"),
    [
        (range(0, 7 * 400, 400), RejectionReason.TOO_FEW_FRAMES),
        (range(0, 25 * 400, 400), RejectionReason.TOO_FEW_FRAMES),
        ([0, 400, 400, 800, 1200, 1600, 2000, 2400], RejectionReason.BAD_TIMING),
        ([0, 800, 400, 1200, 1600, 2000, 2400, 2800], RejectionReason.BAD_TIMING),
        (range(0, 8 * 50, 50), RejectionReason.BAD_TIMING),
        ([0, 400, 800, 1200, 9000, 9400, 9800, 10000], RejectionReason.BAD_TIMING),
        (range(0, 12 * 2900, 2900), RejectionReason.BAD_TIMING),
    ],
)
def test_no_camera_takes_frames_like_that(times, reason: RejectionReason) -> None:
    require_plausible_times(list(range(0, 8 * 400, 400)), timedelta(seconds=10))
    with pytest.raises(FaceRefused) as refused:
        require_plausible_times(list(times), timedelta(minutes=1))
    assert refused.value.reason is reason


def test_frames_can_not_span_more_time_than_has_passed() -> None:
    with pytest.raises(FaceRefused):
        require_plausible_times(list(range(0, 20 * 400, 400)), timedelta(seconds=1))


@given(st.binary(min_size=64, max_size=64).map(lambda data: iter([data[n : n + 1] for n in range(64)])))
def test_actions_never_repeat_and_always_have_a_turn(stream) -> None:
    try:
        actions = choose_actions(lambda _: next(stream))
    except (StopIteration, RuntimeError):
        return  # the bytes given ran out
    assert len(actions) in (3, 4)
    assert all(one is not other for one, other in pairwise(actions))
    assert Action.TURN_LEFT in actions or Action.TURN_RIGHT in actions


def test_many_sequences_come_up() -> None:
    assert len(every_challenge()) == 140
    assert len({choose_actions(secrets.token_bytes) for _ in range(2000)}) > 80


def test_waits_grow_to_an_hour_and_end_after_a_day() -> None:
    def wait(count: int) -> timedelta:
        return wait_after(Attempts(count, NOW), NOW)

    assert wait(FREE_ATTEMPTS - 1) == timedelta(0)
    assert [wait(FREE_ATTEMPTS + n) for n in (0, 1, 2)] == [timedelta(minutes=m) for m in (1, 2, 4)]
    assert wait(1000) == timedelta(hours=1)
    assert wait_after(Attempts(1000, NOW), NOW + FORGOTTEN_AFTER) == timedelta(0)
    assert wait_after(Attempts(1000, NOW), NOW + timedelta(hours=1)) == timedelta(0)


templates = (
    st.lists(st.floats(-1, 1), min_size=128, max_size=128)
    .filter(lambda t: np.linalg.norm(t) > 0.1)
    .map(lambda t: tuple(float(x) for x in np.asarray(t) / np.linalg.norm(t)))
)


@given(templates, templates, st.binary(min_size=32, max_size=32))
def test_a_transform_keeps_distances_and_can_be_turned_back(one, other, seed: bytes) -> None:
    turned, other_turned = transform(one, seed), transform(other, seed)
    assert distance(turned, other_turned) == pytest.approx(distance(one, other), abs=1e-9)
    assert transform_back(turned, seed) == pytest.approx(one, abs=1e-9)


def test_templates_of_two_transforms_have_nothing_in_common(person) -> None:
    distances = [
        distance(transform(person(1), secrets.token_bytes(32)), transform(person(1), secrets.token_bytes(32)))
        for _ in range(20)
    ]
    assert min(distances) > 0.5


def test_the_matrix_of_a_seed_never_changes(person) -> None:
    """Templates stored today have to fit tomorrow, whatever numpy's generators do."""
    turned = transform((1.0, *([0.0] * 127)), b"\x01" * 32)
    assert turned[:3] == pytest.approx((-0.0545646477768, 0.0448006209223, 0.0724267518700), abs=1e-12)


def test_one_lucky_frame_lets_nobody_in(person) -> None:
    assert is_enrolled_face([person(1)] * 3, person(1), THRESHOLD)
    assert not is_enrolled_face([person(1), person(2), person(2)], person(1), THRESHOLD)
    assert not is_enrolled_face([], person(1), THRESHOLD)
    with pytest.raises(ValueError, match="lengths"):
        distance(person(1), person(1)[:64])


@given(templates, st.integers(1, 9), st.binary(min_size=12, max_size=12))
def test_a_sealed_template_opens_for_its_election_voter_and_version_only(template, version: int, nonce: bytes) -> None:
    key = ElectionKey(b"\x07" * 32)
    sealed = key.seal(template, "1" * 14, "ab" * 16, version, nonce)
    assert key.open(sealed, "1" * 14, "ab" * 16) == template
    changed_bytes = bytes([sealed.ciphertext[0] ^ 1]) + sealed.ciphertext[1:]
    for wrong_key, wrong, uuid, ref in (
        (key, sealed, "2" * 14, "ab" * 16),
        (key, sealed, "1" * 14, "cd" * 16),
        (key, replace(sealed, version=version + 1), "1" * 14, "ab" * 16),
        (key, replace(sealed, ciphertext=changed_bytes), "1" * 14, "ab" * 16),
        (ElectionKey(b"\x08" * 32), sealed, "1" * 14, "ab" * 16),
    ):
        with pytest.raises(TemplateUnreadable):
            wrong_key.open(wrong, uuid, ref)


def test_a_key_opens_under_its_master_key_only_and_no_key_prints() -> None:
    master = MasterKey(b"\x0a" * 32)
    key = master.unwrap(master.wrap(b"\x0b" * 32))
    assert key.frame_digest(b"x") == ElectionKey(b"\x0b" * 32).frame_digest(b"x")
    with pytest.raises(MasterKeyChanged):
        MasterKey(b"\x0c" * 32).unwrap(master.wrap(b"\x0b" * 32))
    with pytest.raises(ValueError, match="32 bytes"):
        MasterKey(b"short")
    assert "0a" not in repr(master) + repr(key)


def test_a_reading_never_prints_its_template(reading: FaceReading) -> None:
    assert str(reading.template[0]) not in repr(reading)
