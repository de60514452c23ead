"""A replica of ballot: what it holds, how it starts and how it stops."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import asyncpg
from evote_belenios import native
from evote_eventlog.access import topics_of
from evote_eventlog.consumer import UNHURRIED_S, ProjectionRunner
from evote_eventlog.errors import ReaderStopped
from evote_eventlog.metrics import ProjectionMetrics, PublishMetrics
from evote_eventlog.offsets import stored_offsets
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import LogPartition
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
from evote_platform.reads import Reads
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from prometheus_client import CollectorRegistry

from . import store
from .closing import BoxCloser
from .holders import Holders
from .intake import Intake
from .metrics import IntakeMetrics, LoggedMetrics, TurnoutMetrics
from .projection import BallotProjection
from .readback import ReadBack
from .settings import BallotSettings
from .store import Turnout
from .turnout import LIVE, SETTLED, Feed, ShownTurnout
from .unlogged import UnloggedWatch
from .verification import BallotVerifier

SERVICE = "ballot"
SCHEMA = Schema("ballot", Path(__file__).parent / "migrations")


@dataclass
class BallotService:
    """What every endpoint works with."""

    pool: asyncpg.Pool
    reads: Reads
    door: Door
    """Before the intake."""
    intake: Intake
    holders: Holders
    read_back: ReadBack
    turnout: Feed[Turnout]
    voters_by_hour: Feed[dict[datetime, int]]
    address_limit: TokenBucket
    metrics: IntakeMetrics
    access: Access
    most_watchers: int
    draining: asyncio.Event
    """Set when the replica is told to stop: who watches the turnout is let go."""
    watchers: int = 0
    """How many watch the turnout now."""


@asynccontextmanager
async def running(
    settings: BallotSettings, roster: RosterFile, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[BallotService]:
    """The replica runs while the block does."""
    kafka = settings.kafka()
    async with pool_when_there(settings.database_url, SCHEMA, readiness, max_size=settings.database_pool_size) as pool:
        producer = EventProducer(kafka, SERVICE, clock, metrics=PublishMetrics(registry))
        projection = BallotProjection()
        runner = ProjectionRunner(
            kafka,
            pool,
            projection,
            producer,
            ProjectionMetrics(registry),
            # What people wait for is the checkpoint that covers their ballot. It is there when its replica has rested,
            # and so is the ballot by then, whichever replica has that.
            round_s=UNHURRIED_S,
        )
        read_back = ReadBack(kafka, lambda: _projected(pool, projection.name))
        reads = Reads(pool)
        verifier = BallotVerifier(settings.workers)
        metrics = IntakeMetrics(registry)
        door = Door()
        metrics.watch(verifier, door)
        show_pool(pool, registry)
        turnout = Feed(store.turnout, LIVE, reads, clock)
        shown = ShownTurnout(turnout, reads, TurnoutMetrics(registry), clock)
        unlogged = UnloggedWatch(reads, LoggedMetrics(registry), clock, runner.ends)
        readiness.watch("database", database_check(pool))
        readiness.watch("kafka", producer.check)
        readiness.watch("projection", runner.caught_up)
        readiness.watch("read-back", read_back.check)
        readiness.register("verification", verifier.check_alive)
        readiness.register("roster", roster.check)
        readiness.register("arithmetic", native.check)
        await producer.start()
        try:
            async with background_tasks(readiness, stopping=ReaderStopped) as tasks:
                tasks.start("topics", TopicWatch(kafka, topics_of(SERVICE), registry).run())
                tasks.start("projection", runner.run())
                tasks.start("read-back", read_back.run())
                tasks.start("verification", verifier.keep())
                tasks.start("closing", BoxCloser(pool, producer).run())
                tasks.start("turnout", shown.run())
                tasks.start("unlogged", unlogged.run())
                receipt_key = settings.receipt_key()
                yield BallotService(
                    pool=pool,
                    reads=reads,
                    door=door,
                    intake=Intake(
                        pool=pool,
                        producer=producer,
                        read_back=read_back,
                        verifier=verifier,
                        credential_limit=per_minute(settings.credential_ballots_per_minute),
                        receipt_key=receipt_key,
                        clock=clock,
                        metrics=metrics,
                    ),
                    holders=Holders(reads, receipt_key, clock),
                    read_back=read_back,
                    turnout=turnout,
                    voters_by_hour=Feed(store.voters_by_hour, SETTLED, reads, clock),
                    address_limit=per_minute(settings.address_requests_per_minute),
                    metrics=metrics,
                    access=Access(SERVICE, roster, clock),
                    most_watchers=settings.turnout_watchers,
                    draining=readiness.draining,
                )
        finally:
            verifier.close()
            await producer.stop()


async def replay(settings: BallotSettings, pool: asyncpg.Pool) -> None:
    """Empty the projection and make it again from the event log."""
    await replay_with_bar(settings.kafka(), pool, BallotProjection())


async def _projected(pool: asyncpg.Pool, projection: str) -> Mapping[LogPartition, int]:
    async with pool.acquire() as connection:
        return await stored_offsets(connection, projection)  # type: ignore[arg-type]
