"""A replica of auth: what it holds, what every way in asks of it first, how it starts and how it stops."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
from evote_belenios import native
from evote_eventlog.access import topics_of
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.errors import ReaderStopped
from evote_eventlog.metrics import ProjectionMetrics, PublishMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_eventlog.topics import TopicWatch
from evote_platform.access import Access
from evote_platform.background import background_tasks
from evote_platform.clock import Clock
from evote_platform.database import Schema, database_check
from evote_platform.door import Door
from evote_platform.health import Readiness
from evote_platform.process_metrics import show_pool
from evote_platform.ratelimit import TokenBucket, per_minute
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from prometheus_client import CollectorRegistry

from .domain.faces import FaceKeys
from .domain.refusals import (
    CardNotOffered,
    ElectionOver,
    FaceNotOffered,
    MasterKeyChanged,
    PhoneNotOffered,
    RollNotFrozen,
)
from .keys.room import KeyRoom
from .metrics import ReleaseMetrics, RevocationMetrics, Way
from .phone.provider import PhoneProvider, open_client
from .projection import AuthProjection
from .releasing import Releasing
from .revocation.ocsp import OcspClient, open_http
from .revocation.trust import Trust
from .settings import AuthSettings
from .vault import Connection, elections
from .vault.elections import KnownElection

SERVICE = "auth"
SCHEMA = Schema("auth", Path(__file__).parent / "migrations")


@dataclass(frozen=True)
class AuthService:
    """A running replica; keeps nothing between requests."""

    pool: asyncpg.Pool
    releasing: Releasing
    trust: Trust | None
    """None where no card is taken."""
    face_keys: FaceKeys | None
    """None where biometric isn't offered."""
    phone: PhoneProvider | None
    """None where auth has no account at the provider of マイナアプリ."""
    clock: Clock
    random: Callable[[int], bytes]
    sleep: Callable[[float], Awaitable[None]]
    """Seconds."""
    access: Access
    address_limit: TokenBucket
    doors: Mapping[Way, Door]
    """Before the releases, one for each way in: where the phone's provider or a responder keeps one way's people
    waiting, the other ways' don't wait behind them."""

    def require_trust(self) -> Trust:
        """The authorities of cards; ``CardNotOffered`` where none is taken."""
        if self.trust is None:
            raise CardNotOffered
        return self.trust

    def require_face_keys(self) -> FaceKeys:
        """The keys of the face way; ``FaceNotOffered`` where there is none."""
        if self.face_keys is None:
            raise FaceNotOffered
        return self.face_keys

    def require_phone(self) -> PhoneProvider:
        """The provider of the phone's app; ``PhoneNotOffered`` where there is none."""
        if self.phone is None:
            raise PhoneNotOffered
        return self.phone

    async def open_to_voters(self, connection: Connection, election_uuid: str) -> KnownElection:
        """The election, while voters may come: its roll is frozen and it isn't closed.

        Raises ``UnknownElection``, ``ElectionAbandoned``, ``ElectionOver``, ``RollNotFrozen``, ``NoCredentialKey``,
        ``MasterKeyChanged`` or ``KeyStoreUnavailable``.
        """
        election = await elections.load_election(connection, election_uuid)
        election.require_not_abandoned()
        if election.closed:
            raise ElectionOver
        if election.frozen_under is None:
            raise RollNotFrozen
        if await self.releasing.keys.key_id(election_uuid) != election.frozen_under:
            raise MasterKeyChanged
        return election


@asynccontextmanager
async def running(
    settings: AuthSettings, roster: RosterFile, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[AuthService]:
    """The replica runs while the block does."""
    kafka, phone = settings.kafka(), settings.phone()
    async with (
        pool_when_there(settings.database_url, SCHEMA, readiness, max_size=settings.database_pool_size) as pool,
        open_http() as responders,
        open_client() as http,
    ):
        show_pool(pool, registry)
        producer = EventProducer(kafka, SERVICE, clock, metrics=PublishMetrics(registry))
        runner = ProjectionRunner(kafka, pool, AuthProjection(), producer, ProjectionMetrics(registry))
        readiness.watch("database", database_check(pool))
        readiness.watch("kafka", producer.check)
        readiness.watch("projection", runner.caught_up)
        readiness.register("roster", roster.check)
        readiness.register("arithmetic", native.check)
        trust = None
        if (files := settings.card_files()) is not None:
            ocsp = OcspClient(responders, settings.ocsp_urls(), secrets.token_bytes)
            trust = Trust(files, settings.environment, ocsp, RevocationMetrics(registry), clock)
            readiness.watch("revocation-lists", trust.check)
        keys = KeyRoom(settings.key_store())
        readiness.watch("credential-keys", keys.check)
        doors, metrics = {way: Door() for way in Way}, ReleaseMetrics(registry)
        metrics.watch(doors)
        await producer.start()
        try:
            async with background_tasks(readiness, stopping=ReaderStopped) as tasks:
                tasks.start("topics", TopicWatch(kafka, topics_of(SERVICE), registry).run())
                tasks.start("projection", runner.run())
                if trust is not None:
                    tasks.start("trust", trust.follow())
                yield AuthService(
                    pool=pool,
                    releasing=Releasing(producer, keys, settings.auditor_key(), metrics),
                    trust=trust,
                    face_keys=settings.face_keys(),
                    phone=None if phone is None else PhoneProvider(http, phone, clock),
                    clock=clock,
                    random=secrets.token_bytes,
                    sleep=asyncio.sleep,
                    access=Access(SERVICE, roster, clock),
                    address_limit=per_minute(settings.address_requests_per_minute),
                    doors=doors,
                )
        finally:
            keys.close()
            await producer.stop()


async def replay(settings: AuthSettings, pool: asyncpg.Pool) -> None:
    """Empty the projection and make it again from the event log."""
    await replay_with_bar(settings.kafka(), pool, AuthProjection())
