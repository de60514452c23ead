"""Events as other services write them, a log made without Kafka, and a check of a whole log over HTTP."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_eventlog.envelope import Envelope, encode
from evote_eventlog.events import (
    BallotBoxClosed,
    CredentialsPublished,
    ElectionClosed,
    EventData,
    LogEntry,
    VoterAuthenticated,
)
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.record import Record, RecordPosition
from evote_ledger_anchor.domain import Sequenced, frontier_of, partial_tiles, sign_checkpoints
from evote_ledger_anchor.main import PROGRAM
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.service import SCHEMA, SERVICE, AnchorContract, LedgerService
from evote_ledger_anchor.store import newest_size, read_tiles
from evote_local.people.staff import Staff
from evote_local.testbed import begun_cast, eventually, lengthened, running_app
from evote_platform.access import Access
from evote_platform.clock import utc_now
from evote_platform.database import schema_pool
from evote_platform.reads import Reads
from evote_platform.roster import RosterFile
from evote_tlog.checkpoint import SigningKey, VerifierKey, open_checkpoint
from evote_tlog.merkle import leaf_hash
from evote_tlog.proof import tree_head
from evote_tlog.tiles import TileTree, split_entries, split_hashes, tile_source, tiles_of
from pydantic import SecretStr

from .fake_chain import CHAIN
from .running_monitor import System

STAFF = Staff()
ELECTION, OTHER_ELECTION = "1" * 14, "2" * 14
MOMENT = datetime(2026, 11, 24, tzinfo=UTC)


class Events:
    """What the other services publish."""

    election, other_election = ELECTION, OTHER_ELECTION

    def ballot(
        self, voter: int, number: int = 1, *, election: str = ELECTION, size: int = 0, tracker: str | None = None
    ) -> EventData:
        """A voter's ballot of this number."""
        event = begun_cast(voter, number, election_uuid=election, rest=f'"padding":"{"x" * size}"')
        return event if tracker is None else event.model_copy(update={"tracker": tracker})

    def marker(self, partition: int, *, election: str = ELECTION) -> EventData:
        return BallotBoxClosed(election_uuid=election, partition=partition, partitions=3)

    def closed(self, *, election: str = ELECTION) -> EventData:
        return ElectionClosed(election_uuid=election, reason="officer")

    def credentials(self, part: int) -> EventData:
        return CredentialsPublished(
            election_uuid=ELECTION, part=part, parts=9, credentials=(f"c{part}",), credentials_sha256="0" * 64
        )

    def authenticated(self, number: int) -> EventData:
        return VoterAuthenticated(election_uuid=ELECTION, voter_ref=f"{number:032x}", method="card")


class LogBuilder:
    """Kafka's part played by hand: gives records their positions, sequences them, projects everything."""

    def __init__(self, pool: asyncpg.Pool, key: SigningKey) -> None:
        self.pool = pool
        self.key = key
        self.projection = LedgerProjection(key.verifier)
        self.rules = Sequenced()
        self._offsets: dict[tuple[str, int], int] = defaultdict(int)
        self._ids = itertools.count()

    def record(self, data: EventData, partition: int = 0) -> Record:
        place = (data.topic.value, partition)
        self._offsets[place] += 1
        envelope = Envelope.wrap(data, id=f"id-{next(self._ids)}", source="test", time=MOMENT)
        position = RecordPosition(data.topic, partition, self._offsets[place] - 1)
        return Record(position, envelope, encode(envelope))

    async def apply(self, record: Record) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await self.projection.apply(connection, record)

    def entries(self, records: Iterable[Record]) -> list[LogEntry]:
        return [
            LogEntry(
                topic=record.position.topic.value,
                partition=record.position.partition,
                offset=record.position.offset,
                leaf_hash=leaf_hash(record.value).hex(),
            )
            for record in records
            if self.rules.admit(record.envelope.data, record.position.partition) is None
        ]

    async def checkpoints(self, records: Iterable[Record]) -> list[Record]:
        size = await newest_size(self.pool)
        frontier = frontier_of(size, await read_tiles(self.pool, partial_tiles(size)))
        return [self.record(event) for event in sign_checkpoints(frontier, self.entries(records), self.key)]

    async def append(self, events: Iterable[EventData]) -> list[Record]:
        records = [self.record(event) for event in events]
        for record in [*records, *await self.checkpoints(records)]:
            await self.apply(record)
        return records


@pytest.fixture
def events() -> Events:
    return Events()


@pytest.fixture
def key() -> SigningKey:
    return SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32))))


@pytest.fixture
def migrations() -> Path:
    return SCHEMA.migrations


@pytest.fixture
async def pool(database_url: str) -> AsyncIterator[asyncpg.Pool]:
    async with schema_pool(SecretStr(database_url), SCHEMA) as pool:
        yield pool


@pytest.fixture
def log(pool: asyncpg.Pool, key: SigningKey) -> LogBuilder:
    return LogBuilder(pool, key)


@pytest.fixture
def staff() -> Staff:
    return STAFF


@pytest.fixture
def roster_file(tmp_path: Path) -> Path:
    return STAFF.write_roster(tmp_path / "roster.json")


@pytest.fixture
def service(pool: asyncpg.Pool, key: SigningKey, roster_file: Path) -> LedgerService:
    """What the endpoints work with."""
    access = Access(SERVICE, RosterFile(roster_file), utc_now)
    return LedgerService(Reads(pool), key.verifier, access, (AnchorContract("ethereum", CHAIN),))


@pytest.fixture
async def client(service: LedgerService) -> AsyncIterator[httpx.AsyncClient]:
    """The HTTP API over what the test has projected, as an auditor of record is answered."""
    async with running_app(PROGRAM.app(lambda *_: nullcontext(service))) as client:
        client.auth = STAFF.signing("ledger-anchor")
        yield client


@pytest.fixture
async def public(service: LedgerService) -> AsyncIterator[httpx.AsyncClient]:
    """The same as anybody is answered."""
    async with running_app(PROGRAM.app(lambda *_: nullcontext(service))) as client:
        yield client


async def read_whole_log(client: httpx.AsyncClient) -> list[bytes]:
    """Everything that an auditor checks with nothing but the verifier key; the records in log order."""
    key = VerifierKey.parse((await client.get("/log-key")).text)
    checkpoint = open_checkpoint((await client.get("/checkpoint")).text, key)
    contents = {}
    records: list[bytes] = []
    for tile in tiles_of(checkpoint.size):
        contents[tile] = await _get(client, tile.path)
        if tile.level == 0:
            bundle = split_entries(await _get(client, tile.path.replace("tile/0/", "tile/entries/")), tile.width)
            assert [leaf_hash(entry) for entry in bundle] == split_hashes(contents[tile], tile.width)
            records += bundle
    assert tree_head(TileTree(checkpoint.size, tile_source(contents)), checkpoint.size) == checkpoint.root
    assert len(records) == checkpoint.size
    return records


async def _get(client: httpx.AsyncClient, path: str) -> bytes:
    response = await client.get(f"/{path}")

    async def answered() -> bool:
        nonlocal response
        if response.status_code == 503:
            response = await client.get(f"/{path}")
        return response.status_code != 503

    await eventually(answered)
    assert response.status_code == 200, path
    return response.content


@pytest.fixture
def whole_log() -> Callable[[httpx.AsyncClient], object]:
    return read_whole_log


@pytest.fixture
async def system(
    kafka: KafkaSettings, database_url: str, pool: asyncpg.Pool, key: SigningKey, tmp_path: Path
) -> AsyncIterator[System]:
    system = System(kafka, database_url, pool, key, tmp_path / "monitor.json")
    await system.producer.start()
    # Which replica looks is told: none stops because the machine is busy.
    with lengthened("evote_ledger_anchor.leadership._ANSWERS_WITHIN_S"):
        yield system
    await system.producer.stop()
