"""``evote-ledger-anchor serve | migrate | replay | openapi | deploy-contract``: wiring only."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from evote_anchors.errors import ChainError
from evote_anchors.ethereum.key import UnusableKey
from evote_eventlog.replay import replay_with_bar
from evote_platform.app import create_app, new_registry
from evote_platform.cli import Commands, OwnCommand, run
from evote_platform.database import migrate, open_pool
from evote_platform.health import Readiness
from evote_platform.logging import configure_logging
from evote_platform.server import serve
from fastapi import FastAPI

from .api import anchors, log
from .chain_settings import ChainSettings, EthereumAccount
from .chains import deploy
from .projection import LedgerProjection
from .settings import LedgerSettings
from .wiring import MIGRATIONS, SCHEMA, SERVICE, running

MAX_BODY_BYTES = 1024  # nothing here takes a body


def build_app(settings: LedgerSettings | None, chains: ChainSettings) -> FastAPI:
    """The service; without settings only its OpenAPI document can be asked for."""
    readiness, registry = Readiness(), new_registry()

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        if settings is None:
            raise RuntimeError("an app without settings can't be served")
        async with running(settings, chains, readiness, registry) as state:
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


def _serve() -> int:
    settings, chains = LedgerSettings.from_environment(), ChainSettings.from_environment()
    configure_logging(SERVICE, settings.log_level)
    return serve(build_app(settings, chains), settings)


def _migrate() -> int:
    migrate(LedgerSettings.from_environment().database_url, SCHEMA, MIGRATIONS)
    return 0


def _replay() -> int:
    asyncio.run(_replay_all(LedgerSettings.from_environment()))
    return 0


async def _replay_all(settings: LedgerSettings) -> None:
    await asyncio.to_thread(migrate, settings.database_url, SCHEMA, MIGRATIONS)
    projection = LedgerProjection(settings.signing_key().verifier)
    async with await open_pool(settings.database_url, SCHEMA) as pool:
        await replay_with_bar(settings.kafka(), pool, projection)


def _deploy_contract() -> int:
    try:
        deployed = asyncio.run(deploy(EthereumAccount.from_environment()))
    except (ChainError, UnusableKey, OSError) as error:
        print(f"evote-ledger-anchor: {error}", file=sys.stderr)
        return 1
    print(f"EVOTE_ETHEREUM_CONTRACT={deployed.address}")
    print(f"EVOTE_ETHEREUM_FIRST_BLOCK={deployed.block}")
    cost = f"{deployed.gas_used} gas, {deployed.transaction}"
    print(f"{deployed.account} takes anchors of {deployed.anchorer} only; {cost}", file=sys.stderr)
    return 0


def main() -> None:
    """The program's entry."""
    commands = Commands(
        serve=_serve,
        migrate=_migrate,
        replay=_replay,
        openapi=lambda: build_app(None, ChainSettings()),
        own={
            "deploy-contract": OwnCommand(
                "put the anchor contract on the Ethereum chain; prints the settings that name it", _deploy_contract
            )
        },
    )
    sys.exit(run("evote-ledger-anchor", commands))


if __name__ == "__main__":
    main()
