"""``evote-tally serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import httpx
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.producer import EventProducer
from evote_eventlog.replay import replay_with_bar
from evote_platform.app import create_app, new_registry
from evote_platform.background import background_tasks
from evote_platform.cli import Commands, run
from evote_platform.clock import Clock, utc_now
from evote_platform.database import database_check, migrate, open_pool
from evote_platform.health import Readiness
from evote_platform.logging import configure_logging
from evote_platform.problems import answer_refusals
from evote_platform.server import serve
from fastapi import FastAPI
from prometheus_client import CollectorRegistry, Counter

from .api import officer, public, trustee
from .api.problems import PROBLEM_TYPES, problem_of
from .automation import Automation
from .handlers import COMMANDS_AT_ONCE, CommandHandler
from .projection import TallyProjection
from .service import TallyService
from .settings import TallySettings
from .worker import ProtocolWorker

SERVICE = "tally"
MAX_BODY_BYTES = 1024 * 1024
_MIGRATIONS = Path(__file__).parent / "migrations"


def build_app(settings: TallySettings | None, clock: Clock = utc_now) -> FastAPI:
    """The service; without settings only its OpenAPI document can be asked for."""
    readiness, registry = Readiness(), new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an app without settings can't be served")
        async with _running(settings, readiness, registry, clock) as service:
            app.state.service = service
            yield

    app = create_app(
        service_name=SERVICE,
        version=version("evote-tally"),
        lifespan=lifespan,
        routers=[officer.router, trustee.router, public.router],
        readiness=readiness,
        registry=registry,
        max_body_bytes=MAX_BODY_BYTES,
        clock=clock,
    )
    answer_refusals(app, PROBLEM_TYPES, problem_of)
    return app


@asynccontextmanager
async def _running(
    settings: TallySettings, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[TallyService]:
    await asyncio.to_thread(_migrate, settings)
    kafka = _kafka(settings)
    # Commands and the two automatic tasks may all hold a connection while the projection needs its own.
    pool_size = settings.database_pool_size + COMMANDS_AT_ONCE
    async with (
        await open_pool(settings.database_url, SERVICE, max_size=pool_size) as pool,
        httpx.AsyncClient() as http,
    ):
        producer = EventProducer(kafka, SERVICE, clock)
        runner = ProjectionRunner(kafka, pool, TallyProjection(), producer, ProjectionMetrics(registry))
        worker = ProtocolWorker()
        commands = CommandHandler(pool, producer)
        uncountable = Counter(
            "evote_tally_uncountable_elections",
            "Closed elections with a logged ballot that can't be counted.",
            registry=registry,
        )
        automation = Automation(pool, commands, worker, clock, uncountable)
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", runner.run())
                tasks.start("automation", automation.run())
                yield TallyService(settings, pool, commands, worker, http, clock, secrets.token_bytes)
        finally:
            worker.close()
            await producer.stop()


def _settings() -> TallySettings:
    return TallySettings()  # the environment gives the values


def _kafka(settings: TallySettings) -> KafkaSettings:
    return KafkaSettings(settings.kafka_bootstrap, settings.topic_prefix)


def _migrate(settings: TallySettings) -> None:
    migrate(settings.database_url, SERVICE, _MIGRATIONS)


def _serve() -> int:
    settings = _settings()
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings), settings)


def _migrate_command() -> int:
    _migrate(_settings())
    return 0


def _replay_command() -> int:
    asyncio.run(_replay(_settings()))
    return 0


async def _replay(settings: TallySettings) -> None:
    await asyncio.to_thread(_migrate, settings)
    async with await open_pool(settings.database_url, SERVICE) as pool:
        await replay_with_bar(_kafka(settings), pool, TallyProjection())


def main() -> None:
    """The program's entry."""
    commands = Commands(serve=_serve, migrate=_migrate_command, replay=_replay_command, openapi=lambda: build_app(None))
    sys.exit(run("evote-tally", commands))


if __name__ == "__main__":
    main()
