"""The officers' steps over HTTP, where a service or what stands before it tells them to come again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import httpx
import pytest
from evote_local.people.officers import Officers, StepRefused
from evote_local.people.staff import Staff

AUTH, TALLY, BIOMETRIC = "https://auth.example", "https://tally.example", "https://biometric.example"


async def waited(answers: Iterator[httpx.Response], monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """How long an officer waits, each time, until a face is enrolled."""
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(201, json={"order": "o"}) if request.url.host == "auth.example" else next(answers)

    monkeypatch.setattr(asyncio, "sleep", wait)
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        officers = Officers(client, tally_url=TALLY, auth_url=AUTH, staff=Staff())
        await officers.enrol_face("0001", b"a photograph", BIOMETRIC)
    return waits


async def test_an_officer_at_the_counter_waits_for_as_long_as_biometric_says(monkeypatch) -> None:
    answers = [httpx.Response(status, headers={"Retry-After": "7"}) for status in (503, 429)]
    assert await waited(iter([*answers, httpx.Response(201)]), monkeypatch) == [7, 7]


async def test_an_officer_at_the_counter_comes_again_where_what_stands_before_biometric_does_not_say_when(
    monkeypatch,
) -> None:
    waits = await waited(iter([httpx.Response(503), httpx.Response(201)]), monkeypatch)
    assert len(waits) == 1 and waits[0] > 0


async def test_an_officer_does_not_come_again_with_what_is_refused_for_good(monkeypatch) -> None:
    with pytest.raises(StepRefused):
        await waited(iter([httpx.Response(422)]), monkeypatch)
