"""A replica of tally: what it holds, how it starts and how it stops."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import asyncpg
import httpx
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_platform.background import background_tasks
from evote_platform.clock import Clock
from evote_platform.database import Schema, database_check, migrated_pool
from evote_platform.health import Readiness
from prometheus_client import CollectorRegistry

from .automation import Automation
from .commands import COMMANDS_AT_ONCE, CommandHandler
from .metrics import CountingMetrics
from .projection import TallyProjection
from .settings import TallySettings
from .worker import ProtocolWorker

SERVICE = "tally"
SCHEMA = Schema("tally", Path(__file__).parent / "migrations")


@dataclass(frozen=True)
class TallyService:
    """What every endpoint works with. ``random`` is ``secrets.token_bytes`` or, in tests, its stand-in."""

    pool: asyncpg.Pool
    commands: CommandHandler
    worker: ProtocolWorker
    http: httpx.AsyncClient
    service_urls: Mapping[str, str]
    """The services that the preflight asks, by name."""
    clock: Clock
    random: Callable[[int], bytes]
    officer_token_sha256: str


@asynccontextmanager
async def running(
    settings: TallySettings, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[TallyService]:
    """The replica runs while the block does."""
    kafka = settings.kafka()
    # Commands and the two automatic tasks may all hold a connection while the projection needs its own.
    pool_size = settings.database_pool_size + COMMANDS_AT_ONCE
    async with (
        migrated_pool(settings.database_url, SCHEMA, max_size=pool_size) as pool,
        httpx.AsyncClient() as http,
    ):
        producer = EventProducer(kafka, SERVICE, clock)
        runner = ProjectionRunner(kafka, pool, TallyProjection(), producer, ProjectionMetrics(registry))
        worker = ProtocolWorker()
        commands = CommandHandler(pool, producer)
        automation = Automation(pool, commands, worker, clock, CountingMetrics(registry))
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", runner.run())
                tasks.start("automation", automation.run())
                yield TallyService(
                    pool=pool,
                    commands=commands,
                    worker=worker,
                    http=http,
                    service_urls=settings.service_urls,
                    clock=clock,
                    random=secrets.token_bytes,
                    officer_token_sha256=settings.officer_token_sha256,
                )
        finally:
            worker.close()
            await producer.stop()


async def replay(settings: TallySettings, pool: asyncpg.Pool) -> None:
    """Empty the projection and make it again from the event log."""
    await replay_with_bar(settings.kafka(), pool, TallyProjection())
