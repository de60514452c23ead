"""The whole service with the real models: a puppet before the camera, and what is held up instead of a face."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pytest
from evote_biometric.domain.actions import Action
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.geometry import LEFT_EYE, RIGHT_EYE, Points
from evote_biometric.engine.picture import Pixels
from evote_biometric.main import PROGRAM
from evote_biometric.settings import BiometricSettings
from evote_eventlog.producer import EventProducer
from evote_local.people.puppet import Gesture, Puppet, encode
from evote_local.testbed import MovableClock, running_app
from PIL import Image

from .conftest import Booth

pytestmark = [pytest.mark.stack, pytest.mark.slow, pytest.mark.timeout(600)]

GESTURES = {
    Action.TURN_LEFT: [Gesture(yaw_deg=24)],
    Action.TURN_RIGHT: [Gesture(yaw_deg=-24)],
    Action.LOOK_UP: [Gesture(pitch_deg=20)],
    # For a second, as residents are asked to, so in two frames: noise may cost one of them.
    Action.BLINK: [Gesture(eyes_closed=0.9)] * 2,
}
Change = Callable[[Pixels], Pixels]


def puppet_of(weights: Path, photo: Path) -> Puppet:
    picture = decode(photo.read_bytes(), Limits(longest_side_kept=800, wall_s=60))
    finder = FaceFinder(weights)
    box = finder.find(picture.pixels)[0]
    return Puppet(picture.pixels, finder.points(picture.pixels, box))


def grain(pixels: Pixels) -> Pixels:
    """A camera's noise: no two frames are the same bytes."""
    noise = np.frombuffer(secrets.token_bytes(pixels.size), np.uint8).reshape(pixels.shape) % 3
    return np.clip(pixels.astype(np.int16) + noise.astype(np.int16) - 1, 0, 255).astype(np.uint8)


def unchanged(pixels: Pixels) -> Pixels:
    return pixels


def filmed(puppet: Puppet, actions: Sequence[Action], change: Change = unchanged) -> list[bytes]:
    gestures = [Gesture(), Gesture()]
    for action in actions:
        gestures += [*GESTURES[action], Gesture()]
    return [encode(grain(change(puppet.frame(gesture)))) for gesture in gestures]


@pytest.fixture(scope="module")
def resident(weights: Path, photographs: Path) -> Puppet:
    return puppet_of(weights, photographs / "obama/1.jpg")


@pytest.fixture(scope="module")
def stranger(weights: Path, photographs: Path) -> Puppet:
    """Another person; the photograph looks aside, so it is turned to the camera first."""
    aside = puppet_of(weights, photographs / "biden/1.jpg")
    straight, finder = aside.frame(Gesture(yaw_deg=-14)), FaceFinder(weights)
    return Puppet(straight, finder.points(straight, finder.find(straight)[0]))


@pytest.fixture
async def home(
    kafka, biometric_settings: BiometricSettings, clock: MovableClock, auth_key, verdict_key, weights: Path, photographs
) -> AsyncIterator[Booth]:
    """A service with real workers, and a resident who is enrolled by another photograph than the puppet's."""
    settings = biometric_settings.model_copy(update={"weights_dir": weights})
    tally = EventProducer(kafka, "tally", clock)
    app = PROGRAM.app(PROGRAM.start(settings), clock)
    async with running_app(app) as client:
        booth = Booth(client, app, kafka, settings, clock, auth_key, verdict_key, tally)
        response = await booth.enrol((photographs / "obama/3.jpg").read_bytes())
        assert response.status_code == 201, response.text
        yield booth


def two_faces(pixels: Pixels) -> Pixels:
    return np.concatenate([pixels, pixels], axis=1)


async def test_the_enrolled_resident_gets_a_verdict_and_every_trick_its_reason(
    home: Booth, resident: Puppet, stranger: Puppet, weights: Path
) -> None:
    begun = await home.begun()
    actions = [Action(name) for name in begun["actions"]]
    genuine = filmed(resident, actions)
    response = await home.send(begun, genuine)
    assert response.status_code == 200, response.text

    async def refused(frames: Callable[[list[Action]], list[bytes]]) -> str:
        asked = await home.begun()
        answer = await home.send(asked, frames([Action(name) for name in asked["actions"]]))
        assert answer.status_code in (403, 409, 422), answer.text
        await home.app.state.service.pool.execute("DELETE FROM vault_attempts")
        return answer.json()["reason"]

    assert await refused(lambda _: genuine) == "replayed"
    assert await refused(lambda _: [encode(grain(resident.frame(Gesture()))) for _ in range(10)]) == "still-photo"
    assert await refused(lambda asked: filmed(resident, [*asked[1:], asked[0]])) == "wrong-actions"
    assert await refused(lambda asked: filmed(resident, asked, two_faces)) == "several-faces"
    assert await refused(lambda asked: filmed(covered(resident, weights, mask), asked)) in ("face-covered", "no-face")
    assert await refused(lambda asked: filmed(covered(resident, weights, glasses), asked)) in (
        "eyes-covered",
        "no-face",
    )
    swapped = await refused(lambda asked: filmed(resident, asked)[:-1] + filmed(stranger, [])[:1])
    assert swapped == "another-person-during"
    home.voter_ref = secrets.token_hex(16)  # the resident tries to be the stranger
    assert (await home.enrol(encode(stranger.frame(Gesture())))).status_code == 201
    assert await refused(lambda asked: filmed(resident, asked)) == "not-the-enrolled-face"


def covered(resident: Puppet, weights: Path, paint: Callable[[Pixels, Points], None]) -> Puppet:
    """The same person behind something painted."""
    pixels, finder = resident.frame(Gesture()), FaceFinder(weights)
    points = finder.points(pixels, finder.find(pixels)[0])
    paint(pixels, points)
    return Puppet(pixels, points)


def mask(pixels: Pixels, points: Points) -> None:
    outline = np.concatenate([points[2:15], points[29:30]]).astype(np.int32)
    cv2.fillConvexPoly(pixels, cv2.convexHull(outline), (235, 235, 235))


def glasses(pixels: Pixels, points: Points) -> None:
    eyes = [points[part].mean(axis=0) for part in (RIGHT_EYE, LEFT_EYE)]
    span = float(np.linalg.norm(eyes[0] - eyes[1]))
    for x, y in eyes:
        size = (int(span * 0.42), int(span * 0.34))
        cv2.ellipse(pixels, (int(x), int(y + span * 0.1)), size, 0, 0, 360, (25, 25, 28), -1)


async def test_bad_pictures_are_refused_over_http_and_the_next_one_is_read(home: Booth, photographs, tmp_path) -> None:
    portrait = (photographs / "obama/3.jpg").read_bytes()

    def saved(image: Image.Image, name: str, **options: object) -> bytes:
        image.save(tmp_path / name, **options)
        return (tmp_path / name).read_bytes()

    with Image.open(photographs / "obama/1.jpg") as image:
        image.thumbnail((800, 800))
        upright = image.convert("RGB")
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned right by a quarter
    table = {
        "truncated": (portrait[: len(portrait) // 3], 422, "picture-unreadable"),
        "no picture": (b"not a picture at all", 415, "picture-unreadable"),
        "gif that says jpeg": (saved(upright, "a.gif"), 415, "picture-unreadable"),
        "animated": (
            saved(upright, "b.png", save_all=True, append_images=[upright.rotate(9)]),
            415,
            "picture-unreadable",
        ),
        "bomb": (saved(Image.new("1", (20_000, 20_000)), "c.png"), 413, "picture-unreadable"),
        "tiny": (saved(upright.resize((40, 40)), "d.jpg"), 422, "picture-unreadable"),
        "nobody": (saved(Image.new("RGB", (640, 480), "grey"), "e.jpg"), 422, "photo-quality"),
        "crowd": ((photographs / "crowds/1.jpg").read_bytes(), 422, "photo-quality"),
    }
    for name, (content, status, slug) in table.items():
        response = await home.enrol(content)
        assert (response.status_code, response.json()["type"].rsplit(":", 1)[1]) == (status, slug), name
    taken = {
        "turned by EXIF": saved(upright.rotate(90, expand=True), "f.jpg", exif=exif),
        "CMYK": saved(upright.convert("CMYK"), "g.jpg"),
    }
    for name, content in taken.items():
        response = await home.enrol(content)
        assert response.status_code == 201, (name, response.text)
