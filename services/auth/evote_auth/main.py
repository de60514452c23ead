"""``evote-auth serve | migrate | replay | openapi``: wiring only."""

from __future__ import annotations

import asyncio
import secrets
import sys
from collections.abc import AsyncIterator
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

from .api.desk import desk
from .api.faces import face_officers, face_voters
from .api.problems import PROBLEM_TYPES, problem_of
from .api.routes import officers, voters
from .metrics import RevocationMetrics
from .projection import AuthProjection
from .releasing import Releasing
from .revocation.ocsp import OcspClient, open_http
from .revocation.trust import Trust, read_authorities
from .service import AuthService
from .settings import AuthSettings

SERVICE = "auth"
MAX_BODY_BYTES = 64 * 1024 * 1024
"""A roll of 200,000 voters fits."""
_MIGRATIONS = Path(__file__).parent / "migrations"


def build_app(settings: AuthSettings | None, clock: Clock = utc_now) -> FastAPI:
    """The service; without settings only its OpenAPI document can be asked for."""
    readiness, registry = Readiness(), new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an app without settings can't be served")
        per_minute = settings.address_requests_per_minute
        app.state.address_limit = TokenBucket(per_minute / 60, per_minute)
        async with _running(settings, readiness, registry, clock) as service:
            app.state.service = service
            yield

    app = create_app(
        service_name=SERVICE,
        version=version("evote-auth"),
        lifespan=lifespan,
        routers=[officers, desk, voters, face_officers, face_voters],
        readiness=readiness,
        registry=registry,
        max_body_bytes=MAX_BODY_BYTES,
        clock=clock,
    )
    answer_refusals(app, PROBLEM_TYPES, problem_of)
    return app


@asynccontextmanager
async def _running(
    settings: AuthSettings, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[AuthService]:
    await asyncio.to_thread(_migrate, settings)
    kafka = _kafka(settings)
    async with (
        await open_pool(settings.database_url, SERVICE, max_size=settings.database_pool_size) as pool,
        open_http() as http,
    ):
        producer = EventProducer(kafka, SERVICE, clock)
        runner = ProjectionRunner(kafka, pool, AuthProjection(), producer, ProjectionMetrics(registry))
        readiness.register("database", database_check(pool))
        readiness.register("kafka", producer.check)
        readiness.register("projection", runner.caught_up)
        ocsp = OcspClient(http, settings.ocsp_urls(), secrets.token_bytes)
        trust = Trust(
            settings.ca_bundle_file, settings.crl_file, settings.environment, ocsp, RevocationMetrics(registry), clock
        )
        readiness.register("revocation-lists", trust.check)
        await producer.start()
        try:
            async with background_tasks(readiness) as tasks:
                tasks.start("projection", runner.run())
                tasks.start("trust", trust.follow())
                yield AuthService(
                    pool=pool,
                    releasing=Releasing(producer, settings.master_key(), settings.auditor_key()),
                    trust=trust,
                    face_keys=settings.face_keys(),
                    clock=clock,
                    random=secrets.token_bytes,
                    sleep=asyncio.sleep,
                    officer_token_sha256=settings.officer_token_sha256,
                )
        finally:
            await producer.stop()


def _kafka(settings: AuthSettings) -> KafkaSettings:
    return KafkaSettings(settings.kafka_bootstrap, settings.topic_prefix)


def _migrate(settings: AuthSettings) -> None:
    migrate(settings.database_url, SERVICE, _MIGRATIONS)


def _serve() -> int:
    settings = AuthSettings()
    try:
        read_authorities(settings.ca_bundle_file, settings.crl_file, settings.environment)
    except (OSError, ValueError) as error:
        print(f"evote-auth: the authorities can't be used: {error}", file=sys.stderr)
        return 2
    try:
        settings.face_keys()
    except (OSError, ValueError) as error:
        print(f"evote-auth: the keys of the face way can't be used: {error}", file=sys.stderr)
        return 2
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings), settings)


def _migrate_command() -> int:
    _migrate(AuthSettings())
    return 0


def _replay_command() -> int:
    asyncio.run(_replay(AuthSettings()))
    return 0


async def _replay(settings: AuthSettings) -> None:
    await asyncio.to_thread(_migrate, settings)
    async with await open_pool(settings.database_url, SERVICE) as pool:
        await replay_with_bar(_kafka(settings), pool, AuthProjection())


def main() -> None:
    """The program's entry."""
    commands = Commands(serve=_serve, migrate=_migrate_command, replay=_replay_command, openapi=lambda: build_app(None))
    sys.exit(run("evote-auth", commands))


if __name__ == "__main__":
    main()
