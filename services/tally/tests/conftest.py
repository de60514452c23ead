"""Stand-ins for the services around tally: they publish what auth, ballot and ledger-anchor would."""

from __future__ import annotations

import json
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from hashlib import sha256

import pytest
from evote_belenios.ballots import generate_ballot, tracker_of
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import parse_election
from evote_belenios.groups import group_by_name
from evote_eventlog.events import (
    BallotAccepted,
    BallotBoxClosed,
    CheckpointSigned,
    CredentialsPublished,
    LogEntry,

)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record

OFFICER_TOKEN = "officer-token-of-a-test"
BALLOT_PARTITIONS = 3


def utc_now() -> datetime:
    return datetime.now(UTC)


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

    async def cast(self, election_json: str, credential: str, choice: list[int]) -> Record:
        election = parse_election(election_json)
        ballot = generate_ballot(election, credential, [choice], secrets.token_bytes)
        return await self.accept(election.uuid, public_credential(credential, election.uuid, election.group), ballot)

    async def accept(self, uuid: str, credential: str, ballot: str) -> Record:
        return await self.producer.publish(
            BallotAccepted(election_uuid=uuid, credential=credential, tracker=tracker_of(ballot), ballot=ballot)
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


