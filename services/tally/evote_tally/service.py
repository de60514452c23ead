"""A replica of tally: what it holds, how it starts and how it stops."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
from evote_belenios import native
from evote_eventlog.access import topics_of
from evote_eventlog.consumer import LEISURELY_S, ProjectionRunner
from evote_eventlog.errors import ReaderStopped
from evote_eventlog.events import Topic
from evote_eventlog.metrics import ProjectionMetrics, PublishMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_eventlog.topics import TopicWatch
from evote_platform.access import Access
from evote_platform.background import background_tasks
from evote_platform.clock import Clock
from evote_platform.database import Schema, database_check
from evote_platform.health import Readiness
from evote_platform.process_metrics import show_pool
from evote_platform.processes import WorkerProcesses
from evote_platform.ratelimit import TokenBucket, per_minute
from evote_platform.reads import Reads
from evote_platform.roster import RosterFile
from evote_platform.starting import pool_when_there
from prometheus_client import CollectorRegistry
from tqdm import tqdm

from .automation import Automation
from .commands import COMMANDS_AT_ONCE, CommandHandler
from .examination import Examination
from .exports import ListParts
from .metrics import CountingMetrics
from .projection import TallyProjection
from .settings import TallySettings

SERVICE = "tally"
SCHEMA = Schema("tally", Path(__file__).parent / "migrations")


@dataclass(frozen=True)
class TallyService:
    """What every endpoint works with."""

    pool: asyncpg.Pool
    reads: Reads
    list_parts: ListParts
    commands: CommandHandler
    worker: WorkerProcesses
    http: httpx.AsyncClient
    service_urls: Mapping[str, str]
    """The services that the preflight asks, by name."""
    clock: Clock
    access: Access
    address_limit: TokenBucket


@asynccontextmanager
async def running(
    settings: TallySettings, roster: RosterFile, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[TallyService]:
    """The replica runs while the block does."""
    kafka = settings.kafka()
    # Commands and the automatic tasks may all hold a connection while the projection needs its own.
    pool_size = settings.database_pool_size + COMMANDS_AT_ONCE
    async with (
        pool_when_there(settings.database_url, SCHEMA, readiness, max_size=pool_size) as pool,
        httpx.AsyncClient() as http,
    ):
        show_pool(pool, registry)
        producer = EventProducer(kafka, SERVICE, clock, metrics=PublishMetrics(registry))
        runner = ProjectionRunner(
            kafka,
            pool,
            TallyProjection(),
            producer,
            ProjectionMetrics(registry),
            round_s=LEISURELY_S,
            # Officers and trustees wait until their own events are in the tables; for ballots, until the count, nobody.
            awaited=[Topic.ELECTIONS, Topic.TALLY],
        )
        worker = WorkerProcesses(1)
        commands = CommandHandler(pool, producer)
        automation = Automation(pool, commands, worker, clock)
        # A process of its own: no trustee's message waits for ballots.
        examiner = WorkerProcesses(1)
        examination = Examination(pool, examiner, CountingMetrics(registry))
        readiness.watch("database", database_check(pool))
        readiness.watch("kafka", producer.check)
        readiness.watch("projection", runner.caught_up)
        readiness.watch("log", examination.check)
        readiness.register("roster", roster.check)
        readiness.register("arithmetic", native.check)
        await producer.start()
        try:
            async with background_tasks(readiness, stopping=ReaderStopped) as tasks:
                tasks.start("topics", TopicWatch(kafka, topics_of(SERVICE), registry).run())
                tasks.start("projection", runner.run())
                tasks.start("automation", automation.run())
                tasks.start("examination", examination.run())
                yield TallyService(
                    pool=pool,
                    reads=Reads(pool),
                    list_parts=ListParts(),
                    commands=commands,
                    worker=worker,
                    http=http,
                    service_urls=settings.service_urls,
                    clock=clock,
                    access=Access(SERVICE, roster, clock),
                    address_limit=per_minute(settings.address_requests_per_minute),
                )
        finally:
            worker.close()
            examiner.close()
            await producer.stop()


async def replay(settings: TallySettings, pool: asyncpg.Pool) -> None:
    """Empty the projection, make it again from the event log, and examine its ballots again."""
    await replay_with_bar(settings.kafka(), pool, TallyProjection())
    worker = WorkerProcesses(1)
    try:
        with tqdm(unit="ballot", desc="examined") as bar:
            await Examination(pool, worker, CountingMetrics(CollectorRegistry())).finish(bar.update)
    finally:
        worker.close()
