"""A service for the tests of the server: run as a process of its own."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from evote_platform.app import create_app, new_registry
from evote_platform.background import background_tasks
from evote_platform.cli import Commands, run
from evote_platform.health import Readiness
from evote_platform.logging import configure_logging
from evote_platform.server import serve
from evote_platform.settings import ServiceSettings
from fastapi import APIRouter, FastAPI, Request
from fastapi.responses import StreamingResponse

router = APIRouter()


@router.get("/slow")
async def slow(request: Request) -> dict[str, bool]:
    print("slow-began", file=sys.stderr, flush=True)
    await request.app.state.readiness.draining.wait()
    await asyncio.sleep(0.3)
    return {"finished": True}


@router.get("/events")
async def events(request: Request) -> StreamingResponse:
    async def until_drained() -> AsyncIterator[bytes]:
        yield b"event: hello\n\n"
        await request.app.state.readiness.draining.wait()
        yield b"event: bye\n\n"

    return StreamingResponse(until_drained(), media_type="text/event-stream")


@router.post("/crash")
async def crash(request: Request) -> None:
    request.app.state.crash.set()


def app_of(readiness: Readiness) -> FastAPI:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        app.state.crash = asyncio.Event()

        async def dies() -> None:
            await app.state.crash.wait()
            raise RuntimeError("secret of a voter")

        async with background_tasks(readiness) as tasks:
            tasks.start("projection", dies())
            yield
        print("lifespan-closed", file=sys.stderr, flush=True)

    return create_app(
        service_name="example",
        version="1",
        lifespan=lifespan,
        routers=[router],
        readiness=readiness,
        registry=new_registry(),
        max_body_bytes=1000,
    )


def serve_command() -> int:
    settings = ServiceSettings.from_environment()
    configure_logging("example", settings.log_level)
    return serve(app_of(Readiness()), settings)


if __name__ == "__main__":
    sys.exit(
        run(
            "evote-example",
            Commands(serve=serve_command, migrate=lambda: 0, replay=lambda: 0, openapi=lambda: app_of(Readiness())),
        )
    )
