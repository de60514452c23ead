"""Running replicas of ballot over real Kafka and PostgreSQL, and stand-ins for the services around it."""

from __future__ import annotations

import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import ExitStack, aclosing, asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evote_ballot.main import PROGRAM
from evote_ballot.service import BallotService
from evote_ballot.settings import BallotSettings
from evote_belenios import native
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.groups import ED25519
from evote_belenios.order import sign_order
from evote_eventlog.events import (
    AnchorVerified,
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CheckpointWitnessed,
    CredentialsPublished,
    ElectionClosed,
    ElectionOpened,
    EventData,
    LogEntry,
    Topic,
)
from evote_eventlog.kafka import DEFAULT_PARTITIONS, KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.releases import NEWEST_RELEASE
from evote_eventlog.tail import EventTail
from evote_eventlog.topics import create_topics
from evote_local.nodes.kafka import KafkaNode
from evote_local.people.staff import Staff, StaffSignature
from evote_local.testbed import MovableClock, eventually, lengthened, running_app
from evote_platform.clock import rfc3339
from evote_platform.settings import Environment

STAFF = Staff()
YES, NO, BLANK = [[0, 1, 0]], [[0, 0, 1]], [[1, 0, 0]]


@dataclass
class StandInServices:
    """Publishes what tally, auth and ledger-anchor would."""

    kafka: KafkaSettings
    producer: EventProducer
    sequenced: int = 0

    async def open_election(
        self, voters: int, *, opens_in: timedelta = timedelta(minutes=-1)
    ) -> tuple[Election, list[str]]:
        """As tally and auth: an open election, and the voters' private credentials."""
        uuid = new_uuid(secrets.token_bytes)
        text = election_json(
            group=ED25519,
            uuid=uuid,
            name="模擬投票",
            description="",
            questions=[Question("賛成ですか", ("はい", "いいえ"), blank=True, min=1, max=1)],
            public_key=ED25519.encode(ED25519.power_generator(12345)),
            administrator="選挙管理委員会",
            credential_authority="auth",
        )
        private = [generate(ED25519, secrets.token_bytes) for _ in range(voters)]
        public = sorted(public_credential(credential, uuid, ED25519) for credential in private)
        digest = sha256(json.dumps(public, separators=(",", ":")).encode()).hexdigest()
        now = datetime.now(UTC)
        await self.producer.publish(
            CredentialsPublished(
                election_uuid=uuid, part=0, parts=1, credentials=tuple(public), credentials_sha256=digest
            )
        )
        await self.producer.publish(
            ElectionOpened(
                election_uuid=uuid,
                election_json=text,
                trustees_json="[]",
                credentials_sha256=digest,
                opens_at=rfc3339(now + opens_in),
                closes_at=rfc3339(now + timedelta(hours=8)),
            )
        )
        return parse_election(text), private

    async def close_election(self, uuid: str) -> None:
        """As tally."""
        await self.producer.publish(ElectionClosed(election_uuid=uuid, reason="officer"))

    async def sign_checkpoint(self, positions: list[tuple[int, int]]) -> None:
        """As ledger-anchor: cover these records of evote.ballots (partition, offset), in this order."""
        await self.producer.publish(
            CheckpointSigned(
                origin="test/log",
                previous_size=self.sequenced,
                size=self.sequenced + len(positions),
                root="0" * 64,
                note="a note",
                entries=tuple(
                    LogEntry(topic=Topic.BALLOTS.value, partition=partition, offset=offset, leaf_hash="0" * 64)
                    for partition, offset in positions
                ),
            )
        )
        self.sequenced += len(positions)

    async def publish_witnessed(self, size: int) -> None:
        """As ledger-anchor: enough witnesses cosigned the checkpoint of this size."""
        await self.producer.publish(CheckpointWitnessed(origin="test/log", size=size, note="a note"))

    async def publish_verified(self, size: int) -> None:
        """As ledger-anchor: the checkpoint of this size is in a final block."""
        await self.producer.publish(
            AnchorVerified(
                origin="test/log",
                chain="ethereum",
                ledger="eip155:1:0xA",
                size=size,
                root="0" * 64,
                transaction=f"0x{size}",
                block=size,
                block_hash="0xb",
            )
        )

    async def records(self, uuid: str, kind: type[EventData]) -> list[Record]:
        """The election's records of a kind in evote.ballots, partition by partition."""
        assert kind in (BallotAccepted, BallotBoxClosed)
        tail = EventTail(self.kafka, {Topic.BALLOTS})
        found: list[Record] = []
        async with aclosing(tail.batches("earliest", until=await tail.end_offsets())) as batches:
            async for batch in batches:
                for record in batch.records:
                    data = record.envelope.data if isinstance(record, Record) else None
                    if isinstance(data, kind) and data.election_uuid == uuid:
                        found.append(record)
        return sorted(found, key=lambda record: record.position)


@dataclass
class PollingPlace:
    """An open election, replicas that take ballots, and people who cast them."""

    replicas: list[httpx.AsyncClient]
    service: BallotService
    """What is behind the first replica."""
    services: StandInServices
    clock: MovableClock
    settings: BallotSettings
    election: Election
    credentials: list[str] = field(repr=False)
    numbers: Counter[int] = field(default_factory=Counter)
    """The last number that each voter's device signed."""

    @property
    def base(self) -> str:
        return f"/elections/{self.election.uuid}"

    @property
    def client(self) -> httpx.AsyncClient:
        return self.replicas[0]

    def ballot(self, voter: int, choices: list[list[int]] | None = None) -> str:
        return generate_ballot(self.election, self.credentials[voter], choices or YES, secrets.token_bytes)

    def signed(self, voter: int, ballot: str, number: int) -> str:
        """What the voter's device posts: a ballot's text and the order statement about it."""
        tracker = tracker_of(ballot)
        order = sign_order(self.credentials[voter], self.election.uuid, ED25519, tracker, number, secrets.token_bytes)
        return json.dumps({"ballot": ballot, "order": order.to_json()})

    def new_cast(self, voter: int, choices: list[list[int]] | None = None, *, number: int | None = None) -> str:
        """A new ballot of a voter whose device counts; another ``number`` is of a device that doesn't."""
        if number is None:
            self.numbers[voter] += 1
            number = self.numbers[voter]
        return self.signed(voter, self.ballot(voter, choices), number)

    async def post(self, body: str | bytes, replica: int = 0, uuid: str | None = None) -> httpx.Response:
        return await self.replicas[replica].post(
            f"/elections/{uuid or self.election.uuid}/ballots",
            content=body,
            headers={"Content-Type": "application/json"},
        )

    async def cast(self, voter: int, choices: list[list[int]] | None = None, replica: int = 0) -> dict:
        response = await self.post(self.new_cast(voter, choices), replica)
        assert response.status_code == 201, response.text
        return response.json()

    async def status(self, tracker: str, replica: int = 0) -> dict:
        response = await self.replicas[replica].get(f"{self.base}/status/{tracker}")
        assert response.status_code == 200, response.text
        return response.json()

    @property
    def access(self) -> StaffSignature:
        """For what the public is not shown."""
        return STAFF.signing("ballot", self.clock)

    async def audited(self, path: str, replica: int = 0) -> httpx.Response:
        """What an auditor of record is shown below the election's address, once it is projected."""
        found: list[httpx.Response] = []

        async def shown() -> bool:
            found.append(await self.replicas[replica].get(f"{self.base}/{path}", auth=self.access))
            return found[-1].status_code == 200

        await eventually(shown)
        return found[-1]

    async def superseded_by(self, tracker: str, replica: int = 0) -> str | None:
        """As an auditor sees it."""
        return (await self.audited(f"status/{tracker}", replica)).json().get("superseded_by")

    @staticmethod
    def slug(response: httpx.Response) -> str:
        """The end of the problem's type."""
        assert response.headers["content-type"] == "application/problem+json", response.text
        return response.json()["type"].rsplit(":", 1)[-1]

    async def refused(self, body: str | bytes, replica: int = 0, uuid: str | None = None) -> tuple[int, str]:
        response = await self.post(body, replica, uuid)
        return response.status_code, self.slug(response)

    async def log(self, *receipts: dict) -> None:
        """Have a checkpoint cover these ballots, and wait until each is shown as logged at least: a replica reads their
        partitions by turns.
        """
        await self.services.sign_checkpoint([position(receipt) for receipt in receipts])

        async def shown() -> bool:
            return "accepted" not in {(await self.status(receipt["tracker"]))["state"] for receipt in receipts}

        await eventually(shown)


def position(receipt: dict) -> tuple[int, int]:
    return receipt["position"]["partition"], receipt["position"]["offset"]


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def ballot_settings(kafka: KafkaSettings, database_url: str, tmp_path: Path) -> BallotSettings:
    key = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    (tmp_path / "receipt-key.pem").write_bytes(key)
    return BallotSettings(
        environment=Environment.TEST,
        kafka_bootstrap=kafka.bootstrap_servers,
        topic_prefix=kafka.topic_prefix,
        database_url=database_url,
        port=0,
        roster_file=STAFF.write_roster(tmp_path / "roster.json"),
        receipt_key_file=tmp_path / "receipt-key.pem",
        workers=1,
        credential_ballots_per_minute=20,
        address_requests_per_minute=100_000,
    )


@pytest.fixture(autouse=True)
def own_patience() -> Iterator[ExitStack]:
    """What a replica is slow with itself, no voter waits for either; and a busy machine makes it as slow."""
    with lengthened(
        "evote_ballot.intake._CHECKED_WITHIN_S",
        "evote_ballot.readback._LOOKED_WITHIN_S",
        "evote_ballot.readback._READ_BACK_WITHIN_S",
    ) as limits:
        yield limits


@pytest.fixture
def as_deployed(as_deployed: None, own_patience: ExitStack) -> None:
    own_patience.close()


@asynccontextmanager
async def polling_place(
    kafka: KafkaSettings, settings: BallotSettings, clock: MovableClock, *, replicas: int, voters: int = 3
) -> AsyncIterator[PollingPlace]:
    producer = EventProducer(replace(kafka, events_release=NEWEST_RELEASE), "stand-in", clock)
    await producer.start()
    services = StandInServices(kafka, producer)
    try:
        app = PROGRAM.app(PROGRAM.start(settings), clock)
        async with running_app(app) as first:
            election, credentials = await services.open_election(voters)
            place = PollingPlace([first], app.state.service, services, clock, settings, election, credentials)

            async def known() -> bool:
                turnout = await first.get(f"{place.base}/turnout")
                return turnout.status_code == 200 and turnout.json()["roll_size"] == voters

            await eventually(known)
            if replicas == 1:
                yield place
                return
            async with running_app(PROGRAM.app(PROGRAM.start(settings), clock)) as second:
                place.replicas.append(second)
                yield place
    finally:
        await producer.stop()


@pytest.fixture
def without_core(monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes verify, as they do where the core is not compiled; its threads can't be killed."""
    monkeypatch.setattr(native, "core", None)
    monkeypatch.setenv(native.SWITCH, "off")


@pytest.fixture
async def place(
    kafka: KafkaSettings, ballot_settings: BallotSettings, clock: MovableClock
) -> AsyncIterator[PollingPlace]:
    async with polling_place(kafka, ballot_settings, clock, replicas=1) as one:
        yield one


@pytest.fixture
async def two_replicas(
    kafka: KafkaSettings, ballot_settings: BallotSettings, clock: MovableClock
) -> AsyncIterator[PollingPlace]:
    async with polling_place(kafka, ballot_settings, clock, replicas=2) as two:
        yield two


@pytest.fixture
def polling_place_of() -> Callable[..., object]:
    """For tests that bring their own Kafka."""
    return polling_place


@pytest.fixture
def ballot_settings_for(ballot_settings: BallotSettings) -> Callable[[KafkaSettings], BallotSettings]:
    """The settings with another Kafka."""
    return lambda kafka: ballot_settings.model_copy(
        update={"kafka_bootstrap": kafka.bootstrap_servers, "topic_prefix": kafka.topic_prefix}
    )


@pytest.fixture
async def kafka_of_its_own(stack_directory: Path) -> AsyncIterator[tuple[KafkaNode, KafkaSettings]]:
    """A broker that the test may kill."""
    node = KafkaNode(stack_directory / f"kafka-{secrets.token_hex(4)}")
    node.start()
    settings = KafkaSettings(node.bootstrap_servers, "own.")
    await create_topics(settings, {**DEFAULT_PARTITIONS, Topic.BALLOTS: 3, Topic.IDENTITY: 3})
    yield node, settings
    node.kill()
