"""An app like a service's, with an endpoint for each way that a request can go wrong."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated

import httpx
import pytest
from evote_platform.access import limit_address, require_officer
from evote_platform.answering import Addition, route_adding
from evote_platform.app import create_app, new_registry
from evote_platform.health import Readiness
from evote_platform.paths import ElectionUuidPath, SafeInt, TrackerPath
from evote_platform.problems import Problem, ProblemTable, answer, kind
from evote_platform.ratelimit import TokenBucket, per_minute
from evote_platform.text import PlainText
from evote_platform.tokens import token_sha256
from evote_platform.wording import Words
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

NOW = datetime(2026, 11, 24, 1, 2, 3, 456_000, UTC)
OFFICER_TOKEN = "the officer's token"
MAX_BODY_BYTES = 1000


@dataclass(frozen=True)
class Example:
    """What the endpoints work with."""

    officer_token_sha256: str
    address_limit: TokenBucket


class Thing(BaseModel):
    model_config = ConfigDict(extra="forbid")

    name: PlainText
    count: int = 0

    @field_validator("name")
    @classmethod
    def _name(cls, name: str, _: ValidationInfo) -> str:
        if name == "echo":
            raise ValueError(f"{name} is refused")
        if name == "said":
            raise PydanticCustomError("thing-name", "this name is taken")
        return name


CLOSED = kind(
    "election-closed",
    403,
    ("締め切られました", "{who}が {closed_at} に締め切りました。"),
    ("Closed", "{who} did at {closed_at}."),
)
LATE = kind("late", 503, ("遅れています", "待ってください。"), ("Late", "Wait."), retry_after_s=9)
OVER = kind("over", 403, ("終わりました", "もうできません。"), ("Over", "Not any more."))
router = APIRouter()


@router.post("/things")
async def post_thing(thing: Thing) -> Thing:
    return thing


@router.post("/raw")
async def post_raw(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.get("/elections/{uuid}/things")
async def things(uuid: ElectionUuidPath, after: Annotated[SafeInt, Query()] = 0) -> dict[str, str]:
    return {"uuid": uuid}


@router.get("/status/{tracker:path}")
async def status(tracker: TrackerPath) -> dict[str, str]:
    return {"tracker": tracker}


@router.get("/officer", dependencies=[Depends(require_officer)])
async def officer() -> dict[str, bool]:
    return {"ok": True}


@router.get("/limited", dependencies=[Depends(limit_address)])
async def limited() -> dict[str, bool]:
    return {"ok": True}


@router.get("/refused")
async def refused() -> None:
    raise Problem(
        CLOSED, {"closed_at": "x", "status": 1}, facts={"who": Words("係員", "an officer")}, headers={"X-Why": "y"}
    )


class Late(Exception):
    retry_after_s = 2.5


@router.get("/late")
async def late() -> None:
    raise Late


adding = APIRouter(
    route_class=route_adding(
        APIRoute, Addition({"other_ways": ["card"]}, Words("カードも使えます。", "A card will do."))
    )
)


@adding.get("/elsewhere/refused")
async def refused_elsewhere() -> None:
    raise Late


@adding.get("/elsewhere/nowhere")
async def refused_for_good() -> None:
    raise Problem(OVER, {"other_ways": []})


@adding.get("/elsewhere/things/{number}")
async def thing_elsewhere(number: int) -> None: ...


@router.post("/careless")
async def careless(request: Request) -> dict[str, int]:
    return {"bytes": len((await request.json())["text"].encode())}


@router.get("/broken")
async def broken() -> None:
    raise RuntimeError("secret of a voter")


@router.get("/database-away")
async def database_away() -> None:
    raise ConnectionRefusedError


@router.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("secret of a voter")

    return StreamingResponse(parts())


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def app(readiness: Readiness) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(
        service_name="example",
        version="1.2.3",
        lifespan=lifespan,
        routers=[router, adding],
        problems=ProblemTable(
            [answer(Late, LATE, retry_after_s=lambda error: error.retry_after_s)], raised=[CLOSED, OVER]
        ),
        readiness=readiness,
        registry=new_registry(),
        max_body_bytes=MAX_BODY_BYTES,
        clock=lambda: NOW,
    )
    app.state.service = Example(token_sha256(OFFICER_TOKEN), per_minute(2))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
