"""An app like a service's, with an endpoint for each way that a request can go wrong."""

from __future__ import annotations

import errno
import hashlib
import json
import socket
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers.acts import Act
from evote_officers.commands import GivenCommand
from evote_officers.roster import Role
from evote_platform.access import ACCESS_PROBLEMS, Access, Commanded, Reading, limit_address
from evote_platform.answering import Addition, route_adding
from evote_platform.app import create_app, new_registry
from evote_platform.arrival import arrived
from evote_platform.bodylimit import BodyUpTo, GuardedRoute
from evote_platform.health import Readiness
from evote_platform.paths import ElectionUuidPath, SafeInt, TrackerPath
from evote_platform.problems import Problem, ProblemTable, answer, kind
from evote_platform.ratelimit import TokenBucket, per_minute
from evote_platform.roster import RosterFile
from evote_platform.text import PlainText
from evote_platform.wording import Words
from evote_statements.keys import key_text
from fastapi import APIRouter, Depends, FastAPI, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import BaseModel, ConfigDict, ValidationInfo, field_validator
from pydantic_core import PydanticCustomError

NOW = datetime(2026, 11, 24, 1, 2, 3, 456_000, UTC)
MAX_BODY_BYTES = 1000


@dataclass(frozen=True)
class Example:
    """What the endpoints work with."""

    access: Access
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
router = APIRouter(route_class=GuardedRoute, dependencies=[Depends(BodyUpTo(MAX_BODY_BYTES))])


@router.post("/things")
async def post_thing(thing: Thing) -> Thing:
    return thing


@router.post("/raw")
async def post_raw(request: Request) -> dict[str, int]:
    return {"bytes": len(await request.body())}


@router.post("/arrived")
async def post_arrived(request: Request) -> dict[str, float]:
    await request.body()
    return {"at": arrived(request.scope)}


@router.get("/held")
async def held(request: Request) -> dict[str, bool]:
    """Answers when a test lets it."""
    await request.app.state.held.wait()
    return {"held": True}


@router.get("/elections/{election_uuid}/things")
async def things(election_uuid: ElectionUuidPath, after: Annotated[SafeInt, Query()] = 0) -> dict[str, str]:
    return {"uuid": election_uuid}


@router.get("/status/{tracker:path}")
async def status(tracker: TrackerPath) -> dict[str, str]:
    return {"tracker": tracker}


ACT = Act("example", "POST", "/acts/{name}", Role.ELECTION_OFFICER, 2, "例")


@router.post("/acts/{name}")
async def act(name: str, given: Annotated[GivenCommand, Depends(Commanded(ACT))]) -> dict[str, str]:
    return {"who": given.names, "why": given.reason, "body": given.body.decode()}


@router.get("/read", dependencies=[Depends(Reading(frozenset({Role.AUDITOR})))])
async def read() -> dict[str, bool]:
    return {"ok": True}


@router.get("/limited", dependencies=[Depends(limit_address)])
async def limited() -> dict[str, bool]:
    return {"ok": True}


@router.post("/limited", dependencies=[Depends(limit_address)])
async def limited_body(body: dict[str, str]) -> dict[str, str]:
    return body


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


RAISED: dict[str, Exception] = {
    "name-not-known": socket.gaierror(socket.EAI_NONAME, "Name or service not known"),
    "no-route": OSError(errno.EHOSTUNREACH, "No route to host"),
    "network-away": OSError(errno.ENETUNREACH, "Network is unreachable"),
    "each-address-failed": OSError("Multiple exceptions: [Errno 111] …, [Errno 113] …"),
    "no-descriptors": OSError(errno.EMFILE, "Too many open files"),
    "other-certificate": ssl.SSLCertVerificationError("Hostname mismatch"),
    "read-only": asyncpg.ReadOnlySQLTransactionError("cannot execute INSERT in a read-only transaction"),
    "other-password": asyncpg.InvalidPasswordError("password authentication failed"),
    "no-such-database": asyncpg.InvalidCatalogNameError("does not exist"),
    "no-such-table": asyncpg.UndefinedTableError("does not exist"),
    "no-rights": asyncpg.InsufficientPrivilegeError("permission denied"),
    "deadlock": asyncpg.DeadlockDetectedError("deadlock detected"),
    "file-missing": FileNotFoundError(errno.ENOENT, "No such file"),
    "disk-full": OSError(errno.ENOSPC, "No space left on device"),
    "own-bug": asyncpg.UniqueViolationError("duplicate key"),
}

adding = APIRouter(
    route_class=route_adding(
        GuardedRoute, Addition({"other_ways": ["card"]}, Words("カードも使えます。", "A card will do."))
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


@router.get("/raises/{name}")
async def raises(name: str) -> None:
    raise RAISED[name]


@router.get("/broken-stream")
async def broken_stream() -> StreamingResponse:
    async def parts() -> AsyncIterator[bytes]:
        yield b"first"
        raise RuntimeError("secret of a voter")

    return StreamingResponse(parts())


SCRAPER = {"Authorization": "Bearer scraper"}
ENTRY = {"valid_from": "2026-01-01T00:00:00Z"}
KEYS = {name: Ed25519PrivateKey.generate() for name in ("sato", "suzuki", "kato")}
ROLES = {"sato": "election-officer", "suzuki": "election-officer", "kato": "auditor"}


def roster_text(*names: str) -> str:
    persons = [
        {**ENTRY, "id": name, "name": name.title(), "roles": [ROLES[name]], "keys": [key_text(KEYS[name].public_key())]}
        for name in names
    ]
    scraper = {**ENTRY, "name": "monitoring", "token_sha256": hashlib.sha256(b"scraper").hexdigest()}
    return json.dumps({"deployment": "test", "persons": persons, "scrapers": [scraper]})


@pytest.fixture
def roster(tmp_path: Path) -> Path:
    path = tmp_path / "roster.json"
    path.write_text(roster_text(*ROLES))
    return path


@pytest.fixture
def readiness() -> Readiness:
    return Readiness()


@pytest.fixture
def app(readiness: Readiness, roster: Path) -> FastAPI:
    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        yield

    app = create_app(
        service_name="example",
        version="1.2.3",
        lifespan=lifespan,
        routers=[router, adding],
        problems=ProblemTable(
            [answer(Late, LATE, retry_after_s=lambda error: error.retry_after_s)],
            raised=[CLOSED, OVER, *ACCESS_PROBLEMS],
        ),
        readiness=readiness,
        registry=new_registry(),
        clock=lambda: NOW,
    )
    app.state.service = Example(Access("example", RosterFile(roster), lambda: NOW), per_minute(2))
    return app


@pytest.fixture
async def client(app: FastAPI) -> AsyncIterator[httpx.AsyncClient]:
    transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        yield client
