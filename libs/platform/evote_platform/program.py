"""A service as a program: ``evote-<service> serve | migrate | replay | openapi | roles``.

The log of events is not known here: how a replica starts and how its projection is made again come in as callables.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence, Set
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from importlib.metadata import version
from typing import Generic, TypeVar

import asyncpg
from fastapi import APIRouter, FastAPI
from prometheus_client import CollectorRegistry

from .access import Access
from .app import create_app, new_registry
from .cli import Commands, OwnCommand, run
from .clock import Clock, utc_now
from .database import Schema, SchemaBehind, migrate, schema_pool
from .endings import Endings
from .health import Readiness
from .logging import configure_logging
from .outages import is_outage
from .problems import ProblemTable
from .production import (
    require_encrypted_database,
    require_encrypted_front,
    require_encrypted_traces,
    require_named_proxies,
    require_production_connections,
)
from .roles import role_statements
from .room import require_room
from .roster import RosterFile
from .server import serve
from .settings import CannotStart, MigrationSettings, ServiceSettings
from .starting import started_or_waiting
from .tracing import traces

Settings = TypeVar("Settings", bound=ServiceSettings)
Start = Callable[[Readiness, CollectorRegistry, Clock], AbstractAsyncContextManager[object]]
"""Runs a replica while the block does, and gives what its endpoints work with."""


@dataclass(frozen=True)
class Program(Generic[Settings]):
    """What one service's program is made of."""

    service: str
    """Such as ``ballot``; the program and its distribution are ``evote-ballot``."""
    schema: Schema
    settings: type[Settings]
    start: Callable[[Settings], Start]
    """Looks at what the settings name, and may raise ``CannotStart``; nothing is opened before the result runs."""
    replay: Callable[[Settings, asyncpg.Pool], Awaitable[None]]
    """Empties the projection and makes it again from the event log."""
    routers: Sequence[APIRouter]
    problems: ProblemTable
    own: Mapping[str, OwnCommand] = field(default_factory=dict)
    """Subcommands that only this service has."""
    refusals: tuple[type[Exception], ...] = ()
    """What a subcommand may raise that its operator is told in the error's own words: what was wrong, what to do."""

    def run(self, arguments: Sequence[str] | None = None) -> int:
        """Run the subcommand that ``arguments`` (by default the process's) ask for; its exit status.

        2 when settings are missing or wrong or name what can't be used; 1 when a subcommand was refused, or the
        database was away, each with one line that says so; otherwise the subcommand's own.
        """
        own = {
            "roles": OwnCommand("print the SQL that makes the schema's roles", self._roles),
            **{name: replace(one, run=partial(self._done_or_said, one.run)) for name, one in self.own.items()},
        }
        migrate_or_say = partial(self._done_or_said, self._migrate)
        replay_or_say = partial(self._done_or_said, self._replay)
        commands = Commands(self._serve, migrate_or_say, replay_or_say, self._openapi, own)
        try:
            return run(f"evote-{self.service}", commands, arguments)
        except CannotStart as error:
            print(f"evote-{self.service}: {error.reason}", file=sys.stderr)
            return 2

    def _done_or_said(self, command: Callable[..., int], *arguments: argparse.Namespace) -> int:
        """Run what a person waits for. A replica is not among it: that one waits for its database by itself."""
        try:
            return command(*arguments)
        except SchemaBehind as error:
            raise CannotStart(str(error)) from error
        except self.refusals as error:
            reason = str(error)
        except Exception as error:
            if not is_outage(error):
                raise
            # libpq writes several lines, and a time that is up none.
            told = " ".join(str(error).split()) or type(error).__name__
            reason = f"the database can't be worked with, repeat this: {told}"
        print(f"evote-{self.service}: {reason}", file=sys.stderr)
        return 1

    def app(self, start: Start, clock: Clock = utc_now) -> FastAPI:
        """The service over HTTP; the replica that ``start`` gives runs while the app's lifespan does."""
        return self._app(start, Readiness(), clock)

    def _app(
        self,
        start: Start,
        readiness: Readiness,
        clock: Clock,
        front_origins: Set[str] = frozenset(),
        traces_endpoint: str | None = None,
        endings: Endings | None = None,
    ) -> FastAPI:
        registry, release = new_registry(), version(f"evote-{self.service}")
        if endings is not None:
            registry.register(endings)

        @asynccontextmanager
        async def lifespan(app: FastAPI) -> AsyncIterator[None]:
            def give(service: object) -> None:
                app.state.service = service
                if endings is not None:
                    endings.hold()

            with traces(self.service, release, traces_endpoint, registry):
                async with started_or_waiting(start(readiness, registry, clock), readiness, give):
                    yield

        return create_app(
            service_name=self.service,
            version=release,
            lifespan=lifespan,
            routers=self.routers,
            problems=self.problems,
            readiness=readiness,
            registry=registry,
            front_origins=front_origins,
            clock=clock,
        )

    def _openapi(self) -> FastAPI:
        return self.app(_without_settings)

    def _serve(self) -> int:
        settings = self._settings()
        require_named_proxies(settings)
        require_encrypted_front(settings)
        require_encrypted_traces(settings)
        require_room(settings)
        configure_logging(self.service, settings.log_level)
        start, readiness, roster = self.start(settings), Readiness(), RosterFile(settings.roster_file)
        endings = Endings(settings.certificates(), roster, utc_now)
        app = self._app(start, readiness, utc_now, settings.origins(), settings.traces_endpoint, endings)
        # A replica that waits in its start shows its metrics: alerts go by them.
        app.state.access_at_start = Access(self.service, roster, utc_now)
        return serve(app, readiness, settings)

    def _migrate(self) -> int:
        settings = MigrationSettings()
        require_encrypted_database(settings.environment, "EVOTE_OWNER_DATABASE_URL", settings.owner_database_url)
        migrate(settings.owner_database_url, self.schema)
        return 0

    def _roles(self, _: argparse.Namespace) -> int:
        print(role_statements(self.schema), end="")
        return 0

    def _replay(self) -> int:
        asyncio.run(self._replay_all(self._settings()))
        return 0

    async def _replay_all(self, settings: Settings) -> None:
        async with schema_pool(settings.database_url, self.schema) as pool:
            await self.replay(settings, pool)

    def _settings(self) -> Settings:
        settings = self.settings.from_environment()
        require_production_connections(settings)
        return settings


def _without_settings(*_: object) -> AbstractAsyncContextManager[object]:
    raise RuntimeError("an app without settings can't be served")
