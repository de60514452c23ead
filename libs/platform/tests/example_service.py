"""A service for the tests of the program and its server: run as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated

import asyncpg
from evote_platform.access import Access, running_service
from evote_platform.background import background_tasks
from evote_platform.clock import Clock, utc_now
from evote_platform.cross_origin import FrontRoute
from evote_platform.database import Schema
from evote_platform.health import Readiness
from evote_platform.problems import ProblemTable
from evote_platform.program import Program, Start
from evote_platform.roster import RosterFile
from evote_platform.settings import CannotStart, ServiceSettings
from fastapi import APIRouter, Depends, Request
from fastapi.responses import StreamingResponse
from prometheus_client import CollectorRegistry

router = APIRouter(route_class=FrontRoute)


@dataclass(frozen=True)
class ExampleService:
    crash: asyncio.Event
    draining: asyncio.Event
    roster_file: Path = Path("nowhere")

    @property
    def access(self) -> Access:
        return Access("platform", RosterFile(self.roster_file), utc_now)


Service = Annotated[ExampleService, Depends(running_service)]


class ExampleSettings(ServiceSettings):
    key_file: Path = Path("/dev/null")


@router.get("/slow")
async def slow(service: Service) -> dict[str, bool]:
    print("slow-began", file=sys.stderr, flush=True)
    await service.draining.wait()
    await asyncio.sleep(0.3)
    return {"finished": True}


@router.get("/address")
async def address(request: Request) -> dict[str, str]:
    return {"address": request.client.host if request.client else ""}


@router.get("/events")
async def events(service: Service) -> StreamingResponse:
    async def until_drained() -> AsyncIterator[bytes]:
        print("events-began", file=sys.stderr, flush=True)
        yield b"event: hello\n\n"
        await service.draining.wait()
        yield b"event: bye\n\n"

    return StreamingResponse(until_drained(), media_type="text/event-stream")


@router.post("/crash")
async def crash(service: Service) -> None:
    service.crash.set()


@asynccontextmanager
async def running(
    roster_file: Path, readiness: Readiness, registry: CollectorRegistry, clock: Clock
) -> AsyncIterator[ExampleService]:
    crash = asyncio.Event()

    async def dies() -> None:
        await crash.wait()
        raise RuntimeError("secret of a voter")

    async with background_tasks(readiness) as tasks:
        tasks.start("projection", dies())
        yield ExampleService(crash, readiness.draining, roster_file)
    print("lifespan-closed", file=sys.stderr, flush=True)


def start(settings: ExampleSettings) -> Start:
    if not settings.key_file.exists():
        raise CannotStart(f"{settings.key_file} is missing")
    return partial(running, settings.roster_file)


async def replay(settings: ExampleSettings, pool: asyncpg.Pool) -> None:
    await pool.execute("INSERT INTO replayed (bootstrap) VALUES ($1)", settings.kafka_bootstrap)


PROGRAM = Program(
    service="platform",  # an installed distribution's name: the program tells its version
    schema=Schema("example", Path("nowhere")),
    settings=ExampleSettings,
    start=start,
    replay=replay,
    routers=[router],
    problems=ProblemTable(),
)

if __name__ == "__main__":
    sys.exit(PROGRAM.run())
