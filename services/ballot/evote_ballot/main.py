"""``evote-ballot serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

import asyncpg
from evote_eventlog.consumer import ProjectionRunner
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.metrics import ProjectionMetrics
from evote_eventlog.offsets import stored_offsets
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import LogPartition
from evote_eventlog.replay import replay_with_bar
from evote_platform.app import create_app, new_registry
from evote_platform.background import background_tasks
from evote_platform.cli import Commands, run
from evote_platform.clock import Clock, utc_now
from evote_platform.database import database_check, migrate, open_pool
from evote_platform.health import Readiness
from evote_platform.logging import configure_logging
from evote_platform.problems import answer_refusals
from evote_platform.ratelimit import TokenBucket
from evote_platform.server import serve
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .api.problems import PROBLEM_TYPES, problem_of
from .api.routes import router
from .closing import BoxCloser
from .intake import Intake
from .metrics import IntakeMetrics
from .projection import BallotProjection
from .readback import ReadBack
from .service import BallotService
from .settings import BallotSettings
from .turnout import TurnoutFeed
from .verification import BallotVerifier

SERVICE = "ballot"
MAX_BODY_BYTES = 256 * 1024
_MIGRATIONS = Path(__file__).parent / "migrations"


def build_app(settings: BallotSettings | None, clock: Clock = utc_now) -> FastAPI:
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
        version=version("evote-ballot"),
        lifespan=lifespan,
        routers=[router],
        readiness=readiness,
        registry=registry,
        max_body_bytes=MAX_BODY_BYTES,
        clock=clock,
    )
    answer_refusals(app, PROBLEM_TYPES, problem_of)
    return app


@asynccontextmanager
async def _running(
    settings: BallotSettings, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[BallotService]:
    await asyncio.to_thread(_migrate, settings)
    kafka = _kafka(settings)
    async with await open_pool(settings.database_url, SERVICE, max_size=settings.database_pool_size) as pool:
        producer = EventProducer(kafka, SERVICE, clock)
        projection = BallotProjection()
        runner = ProjectionRunner(kafka, pool, projection, producer, ProjectionMetrics(registry))
        read_back = ReadBack(kafka, lambda: _projected(pool, projection.name))
        verifier = BallotVerifier(settings.workers)
        metrics = IntakeMetrics(registry)
        metrics.watch(verifier)
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        readiness.register("read-back", read_back.check)
        readiness.register("verification", verifier.check_alive)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", runner.run())
                tasks.start("read-back", read_back.run())
                tasks.start("closing", BoxCloser(pool, producer).run())
                yield BallotService(
                    pool=pool,
                    intake=Intake(
                        pool=pool,
                        producer=producer,
                        read_back=read_back,
                        verifier=verifier,
                        credential_limit=_per_minute(settings.credential_ballots_per_minute),
                        receipt_key=settings.receipt_key(),
                        clock=clock,
                    ),
                    read_back=read_back,
                    turnout=TurnoutFeed(pool, clock),
                    address_limit=_per_minute(settings.address_requests_per_minute),
                    metrics=metrics,
                    most_watchers=settings.turnout_watchers,
                )
        finally:
            verifier.close()
            await producer.stop()


async def _projected(pool: asyncpg.Pool, projection: str) -> Mapping[LogPartition, int]:
    async with pool.acquire() as connection:
        return await stored_offsets(connection, projection)  # type: ignore[arg-type]


def _per_minute(count: int) -> TokenBucket:
    return TokenBucket(count / 60, count)


def _kafka(settings: BallotSettings) -> KafkaSettings:
    return KafkaSettings(settings.kafka_bootstrap, settings.topic_prefix)


def _migrate(settings: BallotSettings) -> None:
    migrate(settings.database_url, SERVICE, _MIGRATIONS)


def _serve() -> int:
    settings = BallotSettings()
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings), settings)


def _migrate_command() -> int:
    _migrate(BallotSettings())
    return 0


def _replay_command() -> int:
    asyncio.run(_replay(BallotSettings()))
    return 0


async def _replay(settings: BallotSettings) -> None:
    await asyncio.to_thread(_migrate, settings)
    async with await open_pool(settings.database_url, SERVICE) as pool:
        await replay_with_bar(_kafka(settings), pool, BallotProjection())


def main() -> None:
    """The program's entry."""
    commands = Commands(serve=_serve, migrate=_migrate_command, replay=_replay_command, openapi=lambda: build_app(None))
    sys.exit(run("evote-ballot", commands))


if __name__ == "__main__":
    main()
