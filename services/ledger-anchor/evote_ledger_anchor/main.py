"""``evote-ledger-anchor serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

from evote_eventlog.consumer import ProjectionMetrics, ProjectionRunner
from evote_eventlog.producer import EventProducer, TransactionalProducer
from evote_eventlog.replay import replay_with_bar
from evote_platform.app import create_app, new_registry
from evote_platform.background import background_tasks
from evote_platform.cli import Commands, run
from evote_platform.clock import utc_now
from evote_platform.database import database_check, migrate, open_pool
from evote_platform.health import Readiness
from evote_platform.logging import configure_logging
from evote_platform.server import serve
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .api import anchors, log
from .api.log import LedgerState
from .metrics import MonitorMetrics, SequencerMetrics
from .monitor.task import Monitor
from .projection import LedgerProjection
from .sequencer import TRANSACTIONAL_ID, Sequencer
from .settings import LedgerSettings

SERVICE = "ledger-anchor"
SCHEMA = "ledger"
MAX_BODY_BYTES = 1024  # nothing here takes a body
_MIGRATIONS = Path(__file__).parent / "migrations"


def build_app(settings: LedgerSettings | None) -> FastAPI:
    """The service; without settings only its OpenAPI document can be asked for."""
    readiness, registry = Readiness(), new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an app without settings can't be served")
        async with _running(settings, readiness, registry) as state:
            app.state.ledger = state
            yield

    return create_app(
        service_name=SERVICE,
        version=version("evote-ledger-anchor"),
        lifespan=lifespan,
        routers=[log.router, anchors.router],
        readiness=readiness,
        registry=registry,
        max_body_bytes=MAX_BODY_BYTES,
    )


@asynccontextmanager
async def _running(
    settings: LedgerSettings, readiness: Readiness, registry: CollectorRegistry
) -> AsyncIterator[LedgerState]:
    key = settings.signing_key()
    await asyncio.to_thread(migrate, settings.database_url, SCHEMA, _MIGRATIONS)
    kafka = settings.kafka()
    async with await open_pool(settings.database_url, SCHEMA, max_size=settings.database_pool_size) as pool:
        producer = EventProducer(kafka, SERVICE, utc_now)
        projection = LedgerProjection(key.verifier)
        runner = ProjectionRunner(kafka, pool, projection, producer, ProjectionMetrics(registry))
        sequencer = Sequencer(
            kafka=kafka,
            database_url=settings.database_url,
            pool=pool,
            writer=TransactionalProducer(kafka, SERVICE, utc_now, TRANSACTIONAL_ID),
            key=key,
            clock=utc_now,
            metrics=SequencerMetrics(registry),
            batch_interval_s=settings.batch_interval_s,
        )
        monitor = Monitor(
            kafka=kafka,
            database_url=settings.database_url,
            pool=pool,
            producer=producer,
            key=key.verifier,
            chains=[],
            clock=utc_now,
            metrics=MonitorMetrics(registry),
            interval_s=settings.monitor_interval_s,
            state_file=settings.monitor_state_file,
        )
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        readiness.register("sequencer", sequencer.check)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", monitor.reporting_truncation(runner.run()))
                tasks.start("sequencer", sequencer.run())
                tasks.start("monitor", monitor.run())
                yield LedgerState(pool, key.verifier)
        finally:
            await producer.stop()


def _serve() -> int:
    settings = LedgerSettings.from_environment()
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings), settings)


def _migrate() -> int:
    migrate(LedgerSettings.from_environment().database_url, SCHEMA, _MIGRATIONS)
    return 0


def _replay() -> int:
    asyncio.run(_replay_all(LedgerSettings.from_environment()))
    return 0


async def _replay_all(settings: LedgerSettings) -> None:
    await asyncio.to_thread(migrate, settings.database_url, SCHEMA, _MIGRATIONS)
    projection = LedgerProjection(settings.signing_key().verifier)
    async with await open_pool(settings.database_url, SCHEMA) as pool:
        await replay_with_bar(settings.kafka(), pool, projection)


def main() -> None:
    """The program's entry."""
    commands = Commands(serve=_serve, migrate=_migrate, replay=_replay, openapi=lambda: build_app(None))
    sys.exit(run("evote-ledger-anchor", commands))


if __name__ == "__main__":
    main()
