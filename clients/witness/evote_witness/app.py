"""C2SP tlog-witness over HTTP."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Final

from evote_tlog.errors import (
    ForkedCheckpoint,
    InconsistentCheckpoint,
    MalformedRequest,
    RefusedCheckpoint,
    SizeConflict,
    UnknownLog,
    UntrustedCheckpoint,
)
from evote_tlog.witness import MAX_REQUEST_BYTES
from starlette.applications import Starlette
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from .witness import Witness

STATUS: Final[Mapping[type[RefusedCheckpoint], int]] = MappingProxyType(
    {
        MalformedRequest: 400,
        UntrustedCheckpoint: 403,
        UnknownLog: 404,
        SizeConflict: 409,
        InconsistentCheckpoint: 422,
        ForkedCheckpoint: 422,
    }
)
"""The status for each refusal, as tlog-witness has it."""

_BODY_TIMEOUT_S = 10.0
_log = logging.getLogger(__name__)


class _TooLarge(Exception):
    """The body is longer than a request can be."""


def create_app(witness: Witness) -> Starlette:
    """The application: ``/add-checkpoint``, ``/<origin hash>/checkpoint`` and ``/healthz``."""

    async def add_checkpoint(request: Request) -> Response:
        try:
            async with asyncio.timeout(_BODY_TIMEOUT_S):
                body = await _read_body(request)
        except _TooLarge:
            return PlainTextResponse(f"A request has at most {MAX_REQUEST_BYTES} bytes\n", 413)
        except TimeoutError:
            return PlainTextResponse("The request did not arrive in time\n", 408)
        try:
            return PlainTextResponse(await asyncio.to_thread(witness.add_checkpoint, body))
        except SizeConflict as conflict:
            return Response(f"{conflict.size}\n", 409, headers={"content-type": "text/x.tlog.size"})
        except RefusedCheckpoint as refused:
            return PlainTextResponse(f"{refused.reason}\n", STATUS[type(refused)])

    async def newest(request: Request) -> Response:
        note = await asyncio.to_thread(witness.newest, request.path_params["origin_hash"])
        if note is None:
            return PlainTextResponse("No checkpoint of this log has been cosigned here\n", 404)
        return PlainTextResponse(note)

    async def healthz(_: Request) -> Response:
        await asyncio.to_thread(witness.check)
        return PlainTextResponse(f"ok\nno log has asked for {witness.silence.minutes} minutes\n")

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        watch = asyncio.create_task(witness.silence.watch())
        yield
        watch.cancel()

    return Starlette(
        routes=[
            Route("/add-checkpoint", add_checkpoint, methods=["POST"]),
            Route("/{origin_hash}/checkpoint", newest),
            Route("/healthz", healthz),
        ],
        lifespan=lifespan,
        exception_handlers={sqlite3.Error: _state_away, ClientDisconnect: _gone},
    )


async def _read_body(request: Request) -> bytes:
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MAX_REQUEST_BYTES:
            raise _TooLarge
    return bytes(body)


async def _state_away(_: Request, error: Exception) -> Response:
    _log.error("the state file can't be used: %s", error)
    return PlainTextResponse("The witness can't store its state now\n", 503, headers={"Retry-After": "5"})


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=400)
