"""``evote-biometric serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from importlib.metadata import version
from pathlib import Path

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
from evote_platform.ratelimit import TokenBucket
from evote_platform.server import serve
from fastapi import FastAPI
from prometheus_client import CollectorRegistry

from .api.multipart import MAX_BODY_BYTES
from .api.problems import PROBLEM_TYPES, problem_of
from .api.routes import officers, voters
from .engine.weights import WeightsRefused, check_weights
from .erasure import Eraser
from .handlers import BiometricService
from .inference.pool import READ_WITHIN_S, FacePool
from .metrics import FaceMetrics
from .projection import BiometricProjection
from .settings import BiometricSettings

SERVICE = "biometric"
_MIGRATIONS = Path(__file__).parent / "migrations"


def worker_command(settings: BiometricSettings) -> list[str]:
    """How a worker with the real models is started."""
    return [sys.executable, "-m", "evote_biometric.inference", str(settings.weights_dir)]


def build_app(
    settings: BiometricSettings | None, clock: Clock = utc_now, worker: Sequence[str] | None = None
) -> FastAPI:
    """The service; without settings only its OpenAPI document can be asked for.

    Args:
        worker: the command of a worker process; by default :func:`worker_command`.
    """
    readiness, registry = Readiness(), new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an app without settings can't be served")
        per_minute = settings.address_requests_per_minute
        app.state.address_limit = TokenBucket(per_minute / 60, per_minute)
        command = worker or worker_command(settings)
        async with _running(settings, readiness, registry, clock, command) as service:
            app.state.service = service
            yield

    app = create_app(
        service_name=SERVICE,
        version=version("evote-biometric"),
        lifespan=lifespan,
        routers=[officers, voters],
        readiness=readiness,
        registry=registry,
        max_body_bytes=MAX_BODY_BYTES,
        clock=clock,
    )
    answer_refusals(app, PROBLEM_TYPES, problem_of)
    return app


@asynccontextmanager
async def _running(
    settings: BiometricSettings,
    readiness: Readiness,
    registry: CollectorRegistry,
    clock: Clock,
    worker: Sequence[str],
) -> AsyncIterator[BiometricService]:
    await asyncio.to_thread(_migrate, settings)
    kafka, metrics = _kafka(settings), FaceMetrics(registry)
    async with await open_pool(settings.database_url, SERVICE, max_size=settings.database_pool_size) as pool:
        producer = EventProducer(kafka, SERVICE, clock)
        runner = ProjectionRunner(kafka, pool, BiometricProjection(), producer, ProjectionMetrics(registry))
        faces = FacePool(worker, settings.workers, settings.queue_length, metrics, read_within_s=READ_WITHIN_S)
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        readiness.register("face-workers", faces.check)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", runner.run())
                tasks.start("face-workers", faces.run())
                tasks.start("erasure", Eraser(pool, producer).run())
                yield BiometricService(
                    pool=pool,
                    producer=producer,
                    faces=faces,
                    metrics=metrics,
                    master_key=settings.master_key(),
                    order_key=settings.order_key(),
                    verdict_key=settings.verdict_key(),
                    likeness_threshold=settings.likeness_threshold,
                    clock=clock,
                    random=secrets.token_bytes,
                    officer_token_sha256=settings.officer_token_sha256,
                )
        finally:
            await producer.stop()


def _kafka(settings: BiometricSettings) -> KafkaSettings:
    return KafkaSettings(settings.kafka_bootstrap, settings.topic_prefix)


def _migrate(settings: BiometricSettings) -> None:
    migrate(settings.database_url, SERVICE, _MIGRATIONS)


def _serve() -> int:
    settings = BiometricSettings.from_environment()
    try:
        check_weights(settings.weights_dir)
    except WeightsRefused as error:
        print(f"evote-biometric: {error}", file=sys.stderr)
        return 2
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings), settings)


def _migrate_command() -> int:
    _migrate(BiometricSettings.from_environment())
    return 0


def _replay_command() -> int:
    asyncio.run(_replay(BiometricSettings.from_environment()))
    return 0


async def _replay(settings: BiometricSettings) -> None:
    await asyncio.to_thread(_migrate, settings)
    async with await open_pool(settings.database_url, SERVICE) as pool:
        await replay_with_bar(_kafka(settings), pool, BiometricProjection())


def main() -> None:
    """The program's entry."""
    commands = Commands(serve=_serve, migrate=_migrate_command, replay=_replay_command, openapi=lambda: build_app(None))
    sys.exit(run("evote-biometric", commands))


if __name__ == "__main__":
    main()
