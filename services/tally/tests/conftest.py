"""Stand-ins for the services around tally: they publish what auth, ballot and ledger-anchor would."""

from __future__ import annotations

import asyncio
import json
import secrets
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from pathlib import Path

import httpx
import pytest
from evote_belenios.ballots import generate_ballot
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, Question, parse_election
from evote_belenios.groups import group_by_name
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_ceremony.plan import Plan, PlannedTrustee
from evote_eventlog.events import (
    BallotBoxClosed,
    CheckpointSigned,
    CredentialsPublished,
    LogEntry,
    Topic,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.releases import NEWEST_RELEASE
from evote_eventlog.tail import EventTail
from evote_local.people.rehearsal import Rehearsal, Said
from evote_local.people.staff import Staff
from evote_local.testbed import MovableClock, accepted, eventually, lengthened, running_app
from evote_platform.clock import Clock, rfc3339, utc_now
from evote_platform.settings import Environment
from evote_tally.main import PROGRAM
from evote_tally.settings import TallySettings

STAFF = Staff()
ROSTER = "roster.json"
BALLOT_PARTITIONS = 3


@dataclass
class StandInAuth:
    """Publishes public credentials in parts, as auth does, and hands out the private ones."""

    producer: EventProducer
    private: list[str] = field(default_factory=list)

    async def publish_credentials(self, uuid: str, group_name: str, voters: int, parts: int = 2) -> None:
        group = group_by_name(group_name)
        self.private = [generate(group, secrets.token_bytes) for _ in range(voters)]
        public = sorted(public_credential(credential, uuid, group) for credential in self.private)
        for event in credential_parts(uuid, public, parts):
            await self.producer.publish(event)


def credential_parts(uuid: str, public: list[str], parts: int) -> list[CredentialsPublished]:
    digest = sha256(json.dumps(public, separators=(",", ":")).encode()).hexdigest()
    size = -(-len(public) // parts)
    return [
        CredentialsPublished(
            election_uuid=uuid,
            part=part,
            parts=parts,
            credentials=tuple(public[part * size : (part + 1) * size]),
            credentials_sha256=digest,
        )
        for part in range(parts)
    ]


@dataclass
class StandInBallot:
    """Publishes accepted ballots and close markers, as ballot does."""

    producer: EventProducer
    numbers: Counter[str] = field(default_factory=Counter)
    """By credential, the last number that its voter signed."""

    async def cast(self, election_json: str, credential: str, choice: list[int]) -> Record:
        election = parse_election(election_json)
        ballot = generate_ballot(election, credential, [choice], secrets.token_bytes)
        return await self.accept(election, credential, ballot)

    async def accept(self, election: Election, credential: str, ballot: str) -> Record:
        self.numbers[credential] += 1
        return await self.producer.publish(
            accepted(election.uuid, election.group, credential, ballot, self.numbers[credential])
        )

    async def close_box(self, uuid: str) -> list[Record]:
        return [
            await self.producer.publish(
                BallotBoxClosed(election_uuid=uuid, partition=partition, partitions=BALLOT_PARTITIONS),
                partition=partition,
            )
            for partition in range(BALLOT_PARTITIONS)
        ]


@dataclass
class StandInLedger:
    """Publishes checkpoints over the records it is given, in that order, as ledger-anchor does."""

    producer: EventProducer
    size: int = 0

    async def log(self, *records: Record) -> None:
        entries = tuple(
            LogEntry(
                topic=record.position.topic.value,
                partition=record.position.partition,
                offset=record.position.offset,
                leaf_hash=sha256(b"\0" + record.value).hexdigest(),
            )
            for record in records
        )
        await self.producer.publish(
            CheckpointSigned(
                origin="stand-in.example/log",
                previous_size=self.size,
                size=self.size + len(entries),
                root="0" * 64,
                note="stand-in",
                entries=entries,
            )
        )
        self.size += len(entries)


@dataclass
class StandIns:
    auth: StandInAuth
    ballot: StandInBallot
    ledger: StandInLedger
    producer: EventProducer


@pytest.fixture
async def stand_ins(kafka: KafkaSettings):
    producer = EventProducer(kafka, "stand-in", utc_now)
    await producer.start()
    yield StandIns(StandInAuth(producer), StandInBallot(producer), StandInLedger(producer), producer)
    await producer.stop()


class Officer:
    """Drives tally over HTTP as officers and trustees do; trustees are held in memory."""

    def __init__(self, client: httpx.AsyncClient, folder: Path, clock: MovableClock) -> None:
        self.client = client
        self.clock = clock
        self.folder = folder
        self.uuid = ""
        self.trustees = Rehearsal([])
        self.staff = STAFF
        self.signed = STAFF.signing("tally", clock)

    async def post(self, path: str, body: object | None = None) -> httpx.Response:
        return await self.client.post(f"/elections/{self.uuid}{path}", json=body, auth=self.signed)

    async def get(self, path: str) -> httpx.Response:
        return await self.client.get(f"/elections/{self.uuid}{path}")

    async def certify(self) -> httpx.Response:
        digest = sha256((await self.download()).read_bytes()).hexdigest()
        return await self.post("/certify", {"archive_sha256": digest})

    async def put(self, trustee: int, step: str, body: object) -> httpx.Response:
        return await self.client.put(f"/elections/{self.uuid}/trustees/{trustee}/{step}", json=body)

    async def draft(self, size: int = 3, **changes: object) -> httpx.Response:
        self.trustees = Rehearsal([f"立会人{number}" for number in range(1, size + 1)])
        trustees = [{"name": trustee.name, "key": trustee.key} for trustee in self.trustees.trustees]
        body = {**draft_body(), "trustees": trustees, **changes}
        response = await self.client.post("/elections", json=body, auth=self.signed)
        if response.status_code == 201:
            self.uuid = response.json()["election_uuid"]
        return response

    async def plan(self) -> Plan:
        """The draft with the keys that count now, as the public sees it."""
        shown = (await self.get("")).json()
        return Plan(
            election_uuid=self.uuid,
            name=shown["name"],
            description=shown["description"],
            group_name=shown["group"],
            administrator=shown["administrator"],
            questions=tuple(Question(**{**q, "answers": tuple(q["answers"])}) for q in shown["questions"]),
            trustees=tuple(PlannedTrustee(trustee["name"], trustee["key"]) for trustee in shown["trustees"]),
            threshold=shown["threshold"],
            opens_at=shown["opens_at"],
            closes_at=shown["closes_at"],
        )

    async def state(self) -> str:
        return (await self.get("")).json()["state"]

    async def until(self, state: str) -> None:
        await eventually(lambda: self._is(state))

    async def _is(self, state: str) -> bool:
        return await self.state() == state

    async def say(self, trustee: int, step: Step) -> Said:
        return self.trustees.say(await self.plan(), trustee, step)

    async def submit(self, said: Said) -> httpx.Response:
        return await self.put(said.trustee, said.step, {"message": said.text, "statement": said.statement})

    async def confirm(self, trustee: int) -> httpx.Response:
        plan, credentials_sha256 = await self.plan(), (await self.get("")).json()["credentials_sha256"]
        setup = self.trustees.setup(plan, credentials_sha256)
        return await self.put(trustee, "confirmation", {"statement": self.trustees.confirm(plan, trustee, setup)})

    async def hold_ceremony(self, until: Step | None = None) -> None:
        """All steps, or those before ``until``."""
        plan = await self.plan()
        for step in CEREMONY_STEPS:
            if step is until:
                return
            for trustee in plan.numbers:
                response = await self.submit(self.trustees.say(plan, trustee, step))
                assert response.status_code == 200, response.text

    async def confirm_all(self) -> None:
        for trustee in (await self.plan()).numbers:
            response = await self.confirm(trustee)
            assert response.status_code == 200, response.text

    async def open_with(self, stand_ins: StandIns, voters: int, group: str) -> str:
        """Freeze, hold the ceremony, confirm, open; returns the exact election.json."""
        await stand_ins.auth.publish_credentials(self.uuid, group, voters)
        await eventually(lambda: self.freezes(voters))
        await self.hold_ceremony()
        await self.confirm_all()
        response = await self.post("/open")
        assert response.status_code == 200, response.text
        return (await self.get("/election.json")).text

    async def freezes(self, voters: int) -> bool:
        return (await self.post("/roll/freeze", {"expected_size": voters})).status_code == 200

    async def archive(self) -> httpx.Response:
        """As an auditor of record follows it, before the close too."""
        return await self.client.get(f"/elections/{self.uuid}/archive.bel", auth=self.signed)

    async def download(self) -> Path:
        path = self.folder / f"{secrets.token_hex(4)}.bel"
        response = await self.archive()
        assert response.status_code == 200, response.text
        path.write_bytes(response.content)
        return path

    async def until_archived(self, ballot: Record) -> None:
        async def archived() -> bool:
            return ballot.envelope.data.ballot.encode() in (await self.archive()).content

        await eventually(archived)

    async def decrypt(self, trustee: int) -> Said:
        election_json, tally = (await self.get("/election.json")).text, (await self.get("/encrypted-tally")).text
        return self.trustees.decrypt(await self.plan(), trustee, election_json, tally)


def draft_body() -> dict[str, object]:
    now = utc_now()
    return {
        "name": "模擬住民投票",
        "description": "公園をつくることに賛成ですか",
        "group": "Ed25519",
        "administrator": "選挙管理委員会",
        "questions": [{"question": "賛成ですか", "answers": ["賛成", "反対"], "blank": True, "min": 1, "max": 1}],
        "opens_at": rfc3339(now),
        "closes_at": rfc3339(now + timedelta(hours=1)),
        "threshold": 2,
    }


@pytest.fixture(autouse=True)
def own_patience() -> Iterator[None]:
    """Who commands is told to come again when the tables are late; on a busy machine they are."""
    with lengthened("evote_tally.commands.PROJECTED_WITHIN_S", "evote_tally.probes.TIMEOUT_S"):
        yield


@asynccontextmanager
async def running_tally(
    kafka: KafkaSettings, database_url: str, folder: Path, service_urls: str = "", clock: Clock = utc_now
) -> AsyncIterator[httpx.AsyncClient]:
    """A replica of the service in this process, served without a socket; its roster is written into ``folder``."""
    settings = settings_of(kafka, database_url, folder, service_urls)
    async with running_app(PROGRAM.app(PROGRAM.start(settings), clock)) as client:
        yield client


def settings_of(kafka: KafkaSettings, database_url: str, folder: Path, service_urls: str = "") -> TallySettings:
    return TallySettings(
        environment=Environment.TEST,
        kafka_bootstrap=kafka.bootstrap_servers,
        topic_prefix=kafka.topic_prefix,
        events_release=NEWEST_RELEASE,
        database_url=database_url,
        port=0,
        roster_file=STAFF.write_roster(folder / ROSTER),
        service_urls=service_urls,
        address_requests_per_minute=1_000_000,
    )


@pytest.fixture
def tally_settings(kafka: KafkaSettings, database_url: str, tmp_path: Path) -> TallySettings:
    return settings_of(kafka, database_url, tmp_path)


@pytest.fixture
async def officer(kafka: KafkaSettings, database_url: str, tmp_path: Path) -> AsyncIterator[Officer]:
    clock = MovableClock()
    async with running_tally(kafka, database_url, tmp_path, clock=clock) as client:
        yield Officer(client, tmp_path, clock)


@pytest.fixture
async def second_tally(
    kafka: KafkaSettings, database_url: str, officer: Officer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    async with running_tally(kafka, database_url, tmp_path) as client:
        yield client


@pytest.fixture
async def unready_tally(
    kafka: KafkaSettings, database_url: str, officer: Officer, tmp_path: Path
) -> AsyncIterator[httpx.AsyncClient]:
    """A replica whose preflight asks three services: one is away, one's clock is late, one isn't ready."""
    async with (
        stand_in_service(200, timedelta(minutes=-1)) as late,
        stand_in_service(503, timedelta()) as sick,
        running_tally(kafka, database_url, tmp_path, f"away=http://127.0.0.1:9,late={late},sick={sick}") as client,
    ):
        yield client


@asynccontextmanager
async def stand_in_service(status: int, clock_difference: timedelta) -> AsyncIterator[str]:
    """Answers every request as ``/statusz`` would."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        body = json.dumps({"time": rfc3339(utc_now() + clock_difference)}).encode()
        head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n\r\n"
        writer.write(head.encode() + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"


@pytest.fixture
def facts_of(kafka: KafkaSettings) -> Callable[[str], Awaitable[list[str]]]:
    """The names of all events of an election in the topics that tally writes, standing or not."""

    async def names(uuid: str) -> list[str]:
        tail = EventTail(kafka, {Topic.ELECTIONS, Topic.TALLY})
        ends = await tail.end_offsets()
        found: list[str] = []
        async with aclosing(tail.batches("earliest", until=ends)) as batches:
            async for batch in batches:
                found += [
                    type(record.envelope.data).__name__
                    for record in batch.records
                    if isinstance(record, Record) and record.envelope.data.election_uuid == uuid
                ]
        return found

    return names
