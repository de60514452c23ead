"""A running auth over real Kafka and PostgreSQL, an election that tally would have drafted, and emulated cards."""

from __future__ import annotations

import base64
import json
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from evote_auth.main import PROGRAM
from evote_auth.revocation.trust import Trust
from evote_auth.settings import AuthSettings
from evote_device.requests import DeviceRequest, EnrolmentRequested, ReleaseRequested
from evote_eventlog.events import (
    DraftQuestion,
    DraftTrustee,
    ElectionAbandoned,
    ElectionClosed,
    ElectionDrafted,
    EventData,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.releases import NEWEST_RELEASE
from evote_eventlog.tail import EventTail
from evote_face.statements import FaceOrder, FacePurpose, FaceVerdict, verify_face_statement_as_of_then
from evote_jpki.authority import CardKeys, Person, TestAuthority, generate_card_keys
from evote_jpki.card import JpkiCard
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION
from evote_local.people.occasions import DeviceOccasion
from evote_local.people.staff import Staff, StaffSignature
from evote_local.testbed import MovableClock, eventually, running_app
from evote_platform.settings import Environment
from evote_statements.keys import key_text
from evote_statements.signed import sign_statement
from fastapi import FastAPI
from nacl.public import PrivateKey, SealedBox

from .face_way import HANAKO, ICHIRO

STAFF = Staff()
CSV = {"Content-Type": "text/csv; charset=utf-8"}
HEADER = "voter_id,name,address,birth_date,sex"


class BiometricStandIn:
    """Stands in for biometric at auth's edge: says of every order that the face was the enrolled one, and signs it."""

    def __init__(self, order_key: Ed25519PublicKey) -> None:
        self.key = Ed25519PrivateKey.generate()
        self._order_key = order_key

    def order(self, text: str, purpose: FacePurpose) -> FaceOrder:
        """The order, checked as biometric checks it."""
        order = verify_face_statement_as_of_then(FaceOrder, text, self._order_key)
        assert order.purpose is purpose
        return order

    def verdict(self, text: str, now: datetime | None = None, **changes: object) -> str:
        """The signed verdict on an order; ``changes`` are what a lying biometric would say instead."""
        order = self.order(text, FacePurpose.VERIFY)
        now = now or datetime.now(UTC)
        verdict = FaceVerdict(
            election_uuid=order.election_uuid,
            voter_ref=order.voter_ref,
            issued_at=now,
            expires_at=now + timedelta(minutes=5),
            order_id=order.order_id,
            verdict_id=secrets.token_hex(16),
            device_key=order.device_key or "",
        )
        return sign_statement(verdict.model_copy(update=changes), self.key)


def order_of(statement: str) -> str:
    """The number of the order that a statement is, or is about; zeros for what is neither."""
    try:
        return json.loads(statement).get("order_id", "0" * 32)
    except ValueError:
        return "0" * 32


def roll_csv(*people: Person) -> str:
    rows = (f"{n:06d},{p.name},{p.address},{p.birth_date},{p.sex}" for n, p in enumerate(people, start=1))
    return "\r\n".join([HEADER, *rows, ""])


def signed_by(card: EmulatedCard, challenge: dict[str, str]) -> dict[str, str]:
    """What the card agent answers for a challenge."""
    client = JpkiCard(card.transmit)
    client.verify_pin(USER_AUTHENTICATION, "1234")
    client.verify_pin(DIGITAL_SIGNATURE, "ABC123")
    parts = {
        "user_certificate": client.read_certificate(USER_AUTHENTICATION),
        "challenge_signature": client.sign(USER_AUTHENTICATION, challenge["challenge"].encode()),
        "signature_certificate": client.read_certificate(DIGITAL_SIGNATURE),
        "statement_signature": client.sign(DIGITAL_SIGNATURE, challenge["release_statement"].encode()),
    }
    return {
        "challenge_id": challenge["challenge_id"],
        **{name: base64.b64encode(part).decode() for name, part in parts.items()},
    }


@dataclass
class Town:
    """One election's auth: its client, log, clock, authority and keys, and what people do with it."""

    client: httpx.AsyncClient
    kafka: KafkaSettings
    settings: AuthSettings
    clock: MovableClock
    authority: TestAuthority
    keys: CardKeys
    auditor: PrivateKey
    producer: EventProducer
    app: FastAPI
    biometric: BiometricStandIn
    code_key: X25519PublicKey
    """auth's, from the city."""
    uuid: str = ""
    occasions: dict[str, DeviceOccasion] = field(default_factory=dict)
    """The devices of this test, by the number of the challenge or order that each was given."""
    orders: dict[str, str] = field(default_factory=dict)
    """Orders to verify, by their numbers."""

    @property
    def staff(self) -> Staff:
        return STAFF

    @property
    def signed(self) -> StaffSignature:
        """For every request that persons of the staff sign."""
        return STAFF.signing("auth", self.clock)

    @property
    def base(self) -> str:
        return f"/elections/{self.uuid}"

    async def draft(self, group: str = "Ed25519") -> str:
        """What tally writes; returns when auth has seen it."""
        alphabet = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
        uuid = "".join(secrets.choice(alphabet) for _ in range(14))
        await self.producer.publish(
            ElectionDrafted(
                election_uuid=uuid,
                name="模擬投票",
                description="",
                group=group,
                administrator="選挙管理委員会",
                questions=(DraftQuestion(question="賛成しますか", answers=("はい",), blank=False, min=0, max=1),),
                trustees=(DraftTrustee(name="立会人", key=key_text(Ed25519PrivateKey.generate().public_key())),) * 2,
                threshold=2,
                opens_at="2026-01-01T00:00:00.000Z",
                closes_at="2126-01-01T00:00:00.000Z",
            )
        )

        async def known() -> bool:
            return (await self.client.get(f"/elections/{uuid}/roll", auth=self.signed)).status_code == 200

        await eventually(known)
        return uuid

    async def close(self) -> None:
        await self.producer.publish(ElectionClosed(election_uuid=self.uuid, reason="officer"))

        async def seen() -> bool:
            return (await self.ask_challenge()).status_code == 403

        await eventually(seen)

    async def abandon(self) -> None:
        """What tally writes; returns when auth has seen it."""
        await self.producer.publish(ElectionAbandoned(election_uuid=self.uuid))

        async def seen() -> bool:
            return (await self.freeze()).status_code == 410

        await eventually(seen)

    async def until_releases(self, count: int) -> None:
        """Wait until the projection has this many releases."""

        async def projected() -> bool:
            return (await self.client.get(f"{self.base}/roll", auth=self.signed)).json()["releases"] == count

        await eventually(projected)

    async def import_roll(self, content: str | bytes, content_type: str = CSV["Content-Type"]) -> httpx.Response:
        headers = {"Content-Type": content_type}
        return await self.client.post(f"{self.base}/roll", content=content, headers=headers, auth=self.signed)

    async def freeze(self, expected_size: int | None = None) -> httpx.Response:
        said = None if expected_size is None else {"expected_size": expected_size}
        return await self.client.post(f"{self.base}/roll/freeze", json=said, auth=self.signed)

    async def prepare(self, *people: Person, group: str = "Ed25519") -> None:
        """Draft, import and freeze."""
        self.uuid = await self.draft(group)
        await self._taken(lambda: self.import_roll(roll_csv(*people)))
        await self._taken(self.freeze)

    async def _taken(self, ask: Callable[[], Awaitable[httpx.Response]]) -> None:
        """Ask until the answer isn't 503, as officers' programs do when the log is busy."""

        async def settled() -> bool:
            answer = await ask()
            assert answer.status_code in (200, 503), answer.text
            return answer.status_code == 200

        await eventually(settled)

    def card(self, person: Person, authority: TestAuthority | None = None, **options) -> EmulatedCard:
        return (authority or self.authority).issue_card(person, self.keys, pin="1234", password="ABC123", **options)

    async def ask_challenge(self, occasion: DeviceOccasion | None = None) -> httpx.Response:
        occasion = occasion or DeviceOccasion(self.uuid)
        return await self.client.post(f"{self.base}/challenges", json={"device_key": occasion.device_key})

    async def challenge(self, occasion: DeviceOccasion | None = None) -> dict[str, str]:
        """For a new device, or this one."""
        occasion = occasion or DeviceOccasion(self.uuid)
        response = await self.ask_challenge(occasion)
        assert response.status_code == 201, response.text
        occasion.check_challenge(response.json())
        self.occasions[response.json()["challenge_id"]] = occasion
        return response.json()

    def sign(
        self, card: EmulatedCard, challenge: dict[str, str], kind: type[DeviceRequest] = ReleaseRequested
    ) -> dict[str, str]:
        """What a device sends to auth for a challenge that it was given."""
        return self.resigned(signed_by(card, challenge), kind)

    def resigned(self, body: dict[str, str], kind: type[DeviceRequest] = ReleaseRequested) -> dict[str, str]:
        """The same from a device that signs whatever stands in ``body``: only the card's word is wrong then."""
        occasion = self.occasions.get(body["challenge_id"], DeviceOccasion(self.uuid))
        return occasion.card_request({n: part for n, part in body.items() if n != "device_request"}, kind)

    def changed(self, body: dict[str, str], **parts: str) -> dict[str, str]:
        """A request with other parts of the card in it, which the device has signed so."""
        return self.resigned(body | parts)

    def credential(self, response: httpx.Response, occasion_id: str) -> str:
        """What the device of an occasion reads in auth's answer."""
        assert response.status_code == 200, response.text
        return self.occasions[occasion_id].credential(response.json(), occasion_id)

    def roll_csv(self, *people: Person) -> str:
        return roll_csv(*people)

    def trust(self) -> Trust:
        return self.app.state.service.trust

    async def release(self, card: EmulatedCard) -> httpx.Response:
        return await self.send(self.sign(card, await self.challenge()))

    async def released(self, card: EmulatedCard) -> str:
        """The credential that a voter with this card gets."""
        challenge = await self.challenge()
        return self.credential(await self.send(self.sign(card, challenge)), challenge["challenge_id"])

    async def send(self, body: object) -> httpx.Response:
        return await self.client.post(f"{self.base}/releases", json=body)

    async def officer(self, path: str, **body: object) -> httpx.Response:
        return await self.client.post(f"{self.base}/{path}", json=body, auth=self.signed)

    async def letters(self, **body: object) -> dict[str, str]:
        """Issue voting codes to all: by the voter's number."""
        response = await self.officer("voting-codes", **body)
        assert response.status_code == 201, response.text
        *lines, end = [json.loads(line) for line in response.text.splitlines()]
        assert end["voting_codes"] == len(lines)
        return {line["voter_id"]: line["voting_code"] for line in lines}

    async def face_order(self, code: str, occasion: DeviceOccasion | None = None) -> httpx.Response:
        """For a new device, or this one."""
        occasion = occasion or DeviceOccasion(self.uuid)
        body = occasion.order_request(code, self.code_key)
        response = await self.client.post(f"{self.base}/face-orders", json=body)
        if response.is_success:
            occasion.check_order(response.json()["order"])
            order = response.json()["order"]
            self.occasions[order_of(order)], self.orders[order_of(order)] = occasion, order
        return response

    async def verdict(self, code: str, **changes: object) -> str:
        """What a voter carries from biometric who has this code and, the stand-in says, the face."""
        response = await self.face_order(code)
        assert response.status_code == 201, response.text
        return self.biometric.verdict(response.json()["order"], self.clock(), **changes)

    def asked_by_face(self, verdict: str) -> dict[str, str]:
        """What the device that the order was given to sends to auth; some device for what is no verdict on an order."""
        order_id = order_of(verdict)
        occasion = self.occasions.get(order_id, DeviceOccasion(self.uuid))
        return occasion.face_request(order_id, verdict)

    async def release_by_face(self, verdict: str, client: httpx.AsyncClient | None = None) -> httpx.Response:
        body = self.asked_by_face(verdict)
        return await (client or self.client).post(f"{self.base}/face-releases", json=body)

    async def released_by_face(self, verdict: str) -> str:
        """The credential that the device of a verdict gets."""
        return self.credential(await self.release_by_face(verdict), order_of(verdict))

    async def enrol_by_card(self, card: EmulatedCard) -> httpx.Response:
        body = self.sign(card, await self.challenge(), EnrolmentRequested)
        return await self.client.post(f"{self.base}/face-enrolments", json=body)

    async def enrolled_by_card(self, card: EmulatedCard) -> tuple[str, str]:
        """The order to enrol, and the voting code that the device reads."""
        challenge = await self.challenge()
        body = self.sign(card, challenge, EnrolmentRequested)
        response = await self.client.post(f"{self.base}/face-enrolments", json=body)
        assert response.status_code == 201, response.text
        occasion = self.occasions[challenge["challenge_id"]]
        return response.json()["order"], occasion.voting_code(response.json(), challenge["challenge_id"])

    async def evidence(self) -> list[dict[str, Any]]:
        """The opened evidence of this election, in the order of its releases."""
        connection = await asyncpg.connect(self.settings.database_url.get_secret_value())
        rows = await connection.fetch("SELECT sealed FROM auth.vault_evidence WHERE election_uuid = $1", self.uuid)
        await connection.close()
        opened = [json.loads(SealedBox(self.auditor).decrypt(row["sealed"])) for row in rows]
        return sorted(opened, key=lambda content: content["released_at"])

    async def events(self, kind: type[EventData]) -> list[EventData]:
        """The events of this election in the log, in the order of their partitions."""
        tail = EventTail(self.kafka, {kind.topic})
        found: list[EventData] = []
        async with aclosing(tail.batches("earliest", until=await tail.end_offsets())) as batches:
            async for batch in batches:
                found += [
                    record.envelope.data
                    for record in batch.records
                    if isinstance(record, Record)
                    and isinstance(record.envelope.data, kind)
                    and record.envelope.data.election_uuid == self.uuid
                ]
        return found


@pytest.fixture(scope="session")
def keys() -> CardKeys:
    return generate_card_keys()


@pytest.fixture
def clock() -> MovableClock:
    return MovableClock()


@pytest.fixture
def authority() -> TestAuthority:
    return TestAuthority(lambda: datetime.now(UTC), secrets.token_bytes)


@pytest.fixture
def auditor() -> PrivateKey:
    return PrivateKey.generate()


@pytest.fixture(scope="session")
def order_key() -> Ed25519PrivateKey:
    """auth's."""
    return Ed25519PrivateKey.generate()


@pytest.fixture(scope="session")
def biometric(order_key: Ed25519PrivateKey) -> BiometricStandIn:
    return BiometricStandIn(order_key.public_key())


@pytest.fixture(scope="session")
def code_key() -> X25519PrivateKey:
    """auth's, for typed voting codes."""
    return X25519PrivateKey.generate()


@pytest.fixture
def face_key_files(
    tmp_path: Path, order_key: Ed25519PrivateKey, biometric: BiometricStandIn, code_key: X25519PrivateKey
) -> tuple[Path, Path, Path]:
    """auth's key for orders, biometric's public key, and auth's key for voting codes."""
    private, public = tmp_path / "face-order-key.pem", tmp_path / "biometric-public-key.pem"
    private.write_bytes(order_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    public.write_bytes(biometric.key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    codes = tmp_path / "voting-code-key.pem"
    codes.write_bytes(code_key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return private, public, codes


@pytest.fixture
def auth_settings(
    kafka: KafkaSettings,
    database_url: str,
    tmp_path: Path,
    authority: TestAuthority,
    auditor: PrivateKey,
    face_key_files: tuple[Path, Path, Path],
) -> AuthSettings:
    (tmp_path / "master").write_bytes(base64.b64encode(secrets.token_bytes(32)) + b"\n")
    (tmp_path / "ca.pem").write_bytes(authority.ca_bundle_pem())
    (tmp_path / "crl.pem").write_bytes(authority.crl_pem())
    return AuthSettings(
        kafka_bootstrap=kafka.bootstrap_servers,
        topic_prefix=kafka.topic_prefix,
        database_url=database_url,
        port=0,
        environment=Environment.TEST,
        roster_file=STAFF.write_roster(tmp_path / "roster.json"),
        master_key_file=tmp_path / "master",
        ca_bundle_file=tmp_path / "ca.pem",
        crl_file=tmp_path / "crl.pem",
        auditor_public_key=base64.b64encode(bytes(auditor.public_key)).decode(),
        face_order_key_file=face_key_files[0],
        biometric_public_key_file=face_key_files[1],
        voting_code_key_file=face_key_files[2],
        address_requests_per_minute=100_000,
    )


@pytest.fixture
async def replica(auth_settings: AuthSettings, clock: MovableClock) -> AsyncIterator[httpx.AsyncClient]:
    """A second replica."""
    async with running_app(PROGRAM.app(PROGRAM.start(auth_settings), clock)) as client:
        yield client


@pytest.fixture
async def town(
    kafka: KafkaSettings,
    auth_settings: AuthSettings,
    clock: MovableClock,
    authority: TestAuthority,
    keys: CardKeys,
    auditor: PrivateKey,
    biometric: BiometricStandIn,
    code_key: X25519PrivateKey,
) -> AsyncIterator[Town]:
    producer = EventProducer(replace(kafka, events_release=NEWEST_RELEASE), "tally", clock)
    await producer.start()
    try:
        app = PROGRAM.app(PROGRAM.start(auth_settings), clock)
        async with running_app(app) as client:
            yield Town(
                client,
                kafka,
                auth_settings,
                clock,
                authority,
                keys,
                auditor,
                producer,
                app,
                biometric,
                code_key.public_key(),
            )
    finally:
        await producer.stop()


@pytest.fixture
async def open_town(town):
    """A town that is open to the two voters of ``face_way``."""
    await town.prepare(HANAKO, ICHIRO)
    return town
