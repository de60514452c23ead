"""Who is told to come again does, with the same bytes and when they were told to; nobody for ever."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from secrets import token_bytes
from typing import Any

import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from evote_belenios.ballots import tracker_of
from evote_belenios.credentials import generate
from evote_belenios.groups import ED25519
from evote_belenios.order import sign_order
from evote_loadtests.crowd import CAST, VISIT, Sample
from evote_loadtests.rush import ATTEMPTS, DUE, GAVE_UP, REFUSED, UNANSWERED, Rush, open_session
from evote_local.people.voters import Cast, Measurements, Posted, Sealed

ORDER = sign_order(generate(ED25519, token_bytes), "uuid", ED25519, tracker_of("ballot"), 1, token_bytes)
SEALED = Sealed("賛成", "ballot", ORDER, "the body")
NUMBER = 7
"""Of a visit that nobody follows."""


class Polls:
    """Where the ballot is posted; a receipt is believed."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.measured = Measurements()
        self.posted: list[Posted] = []

    def any_box(self) -> str:
        return self.url

    async def keep(self, sealed: Sealed, receipt: dict[str, object], sent_at: float, answered_s: float) -> Cast:
        return Cast(str(receipt["tracker"]), sealed.choice, receipt, sent_at, answered_s, sealed.ballot, sealed.order)


@asynccontextmanager
async def box(answers: Sequence[int], bodies: list[str]) -> AsyncIterator[str]:
    """Answers so, one after the other, and the last for ever; 0: hangs up."""

    async def post(request: web.Request) -> web.Response:
        bodies.append(await request.text())
        status = answers[min(len(bodies), len(answers)) - 1]
        if status == 0:
            assert request.transport is not None
            request.transport.abort()
        if status == 503:
            overloaded = '{"type": "urn:tsukuba-evote:problem:overloaded"}'
            return web.Response(status=503, headers={"Retry-After": "0"}, text=overloaded)
        return web.json_response({"tracker": "tracker"}, status=201)

    app = web.Application()
    app.router.add_post("/", post)
    async with TestServer(app) as server:
        yield str(server.make_url("/"))


async def visit(answers: Sequence[int], late_s: float = 0) -> tuple[list[Sample], list[str], Rush]:
    """``late_s``: so long ago the arrival was planned."""
    samples, bodies = list[Sample](), list[str]()
    async with box(answers, bodies) as url, open_session() as session:
        polls: Any = Polls(url)
        rush = Rush(polls, [], {NUMBER: SEALED}, session, samples.append)
        await rush.visit(NUMBER, time.perf_counter() - late_s)
    return samples, bodies, rush


async def test_who_is_told_to_come_again_posts_the_same_bytes_until_there_is_a_receipt() -> None:
    samples, bodies, rush = await visit([503, 503, 201])
    assert bodies == [SEALED.body] * 3
    names = [(REFUSED, 0), (REFUSED, 0), (CAST, 3), (DUE, 3), (VISIT, 3)]
    assert [(sample.name, sample.attempt) for sample in samples] == names
    assert [kept.tracker for kept in rush.kept] == ["tracker"]
    assert [refusal.status for refusal in rush.polls.measured.refusals] == [503, 503]
    assert rush.polls.posted == [Posted(NUMBER, SEALED.choice, tracker_of(SEALED.ballot), 1, unanswered=0)]


async def test_who_gets_no_answer_comes_again_too(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evote_loadtests.rush._FIRST_BACKOFF_S", 0.0)
    samples, bodies, rush = await visit([0, 201])
    assert bodies == [SEALED.body] * 2
    assert [(sample.name, sample.attempt) for sample in samples] == [(UNANSWERED, 0), (CAST, 2), (DUE, 2), (VISIT, 2)]
    assert [posted.unanswered for posted in rush.polls.posted] == [1], "it may have been recorded the first time"


async def test_what_the_client_is_late_counts_from_the_planned_moment_and_not_from_the_sending() -> None:
    """A client whose loop is busy sends late: that mustn't be left out of what people wait (coordinated omission)."""
    samples, _, _ = await visit([201], late_s=1000)
    waited = {sample.name: sample.seconds for sample in samples}
    assert waited[DUE] >= 1000 > waited[CAST]


async def test_who_is_told_to_come_again_is_due_when_they_were_told_to() -> None:
    samples, _, _ = await visit([503, 201], late_s=1000)
    waited = {sample.name: sample.seconds for sample in samples}
    assert waited[VISIT] >= 1000 > waited[DUE] >= waited[CAST]


async def test_who_is_never_let_in_gives_up_and_has_no_receipt() -> None:
    samples, bodies, rush = await visit([503])
    assert len(bodies) == ATTEMPTS
    assert [sample.name for sample in samples] == [REFUSED] * ATTEMPTS + [GAVE_UP]
    assert rush.kept == []
