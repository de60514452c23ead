"""The two endpoints: what state the card is in, and signing a release with it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine, Set
from typing import Any

from evote_jpki.release_texts import ReleaseTexts
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from . import reports
from .answers import ready_response, refusal_response, release_response, state_response
from .asking import Resident
from .cards import Cards, SignedRelease
from .gate import Gate
from .pairing import PairingSecret
from .questions import Question
from .reports import Refused
from .signing_request import read_texts

log = logging.getLogger("evote_card_agent")


class Agent:
    """One card, one resident, one voting page."""

    def __init__(self, *, origin: str, elections: Set[str], cards: Cards, resident: Resident) -> None:
        """``elections``: the identifiers of those whose challenges may be signed."""
        self._origin = origin
        self._elections = elections
        self._cards = cards
        self._resident = resident
        self._signing = asyncio.Lock()

    async def status(self, request: Request) -> Response:
        """``GET /v1/status``: whether a card can be used, and how many tries it leaves."""
        if self._signing.locked():
            return state_response(reports.SIGNING_IN_PROGRESS)
        try:
            return ready_response(await self._cards.look())
        except Refused as refused:
            return state_response(refused.report)

    async def sign(self, request: Request) -> Response:
        """``POST /v1/signatures``: ask the resident, and sign both texts of a challenge."""
        texts = await read_texts(request, self._elections)
        if self._signing.locked():
            raise Refused(reports.SIGNING_IN_PROGRESS)
        async with self._signing:
            release = await _while_page_waits(request, self._sign(texts))
        log.info("署名しました / signed")
        return release_response(texts.challenge_id, release)

    async def _sign(self, texts: ReleaseTexts) -> SignedRelease:
        met = await self._cards.meet()
        question = Question(
            origin=self._origin,
            election_name=texts.election_name,
            election_uuid=texts.election_uuid,
            challenge_id=texts.challenge_id,
            pin_tries=met.tries.pin,
            password_tries=met.tries.password,
        )
        return await self._cards.sign(met, await self._resident.ask(question), texts)


def create_app(agent: Agent, *, origin: str, port: int, secret: PairingSecret) -> Starlette:
    """The agent behind its gate."""
    app = Starlette(
        routes=[
            Route("/v1/status", agent.status, methods=["GET"]),
            Route("/v1/signatures", agent.sign, methods=["POST"]),
        ],
        middleware=[Middleware(Gate, origin=origin, port=port, secret=secret)],
        exception_handlers={Refused: _refused, HTTPException: _not_here, Exception: _failed},
    )
    app.router.redirect_slashes = False
    return app


async def _while_page_waits(request: Request, signing: Coroutine[Any, Any, SignedRelease]) -> SignedRelease:
    """The release; ``cancelled`` once the page has gone, for nobody is asked for what nobody waits for."""
    work = asyncio.create_task(signing)
    page_left = asyncio.create_task(_until_disconnected(request))
    try:
        await asyncio.wait({work, page_left}, return_when=asyncio.FIRST_COMPLETED)
        if not work.done():
            raise Refused(reports.CANCELLED)
        return work.result()
    finally:
        page_left.cancel()
        work.cancel()
        await asyncio.gather(work, page_left, return_exceptions=True)


async def _until_disconnected(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _refused(request: Request, error: Exception) -> Response:
    assert isinstance(error, Refused)  # noqa: S101 - Starlette calls by the type registered above
    log.info("%s / %s", error.report.japanese.title, error.report.english.title)
    return refusal_response(error)


async def _not_here(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101
    report = reports.METHOD_REFUSED if error.status_code == 405 else reports.NOT_FOUND
    response = refusal_response(Refused(report))
    response.headers.update(error.headers or {})
    return response


async def _failed(request: Request, error: Exception) -> Response:
    return refusal_response(Refused(reports.INTERNAL_ERROR))
