"""What an edge answers for a service that it lost: whoever is told so asks again, and the run has failed."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from random import Random
from typing import Any

import httpx
import pytest
from evote_belenios.election import Question, election_json, new_uuid
from evote_belenios.groups import ED25519
from evote_loadtests.arrivals import Phase, Plan
from evote_loadtests.client import Outcome
from evote_loadtests.crowd import Kept
from evote_loadtests.figures import Run, faults_of, figures_of
from evote_local.people import voters
from evote_local.people.observed import Fault
from evote_local.people.voters import PollingDay, Refusal


async def asked(answers: Sequence[int], monkeypatch: pytest.MonkeyPatch) -> list[Refusal]:
    """What a voter's device notes who reads a page that is answered so, until it has it."""
    monkeypatch.setattr(voters, "ASK_AGAIN_S", 0.0)
    election = election_json(
        group=ED25519,
        uuid=new_uuid(secrets.token_bytes),
        name="n",
        description="d",
        questions=[Question("Plan", ("yes", "no"), True, 1, 1)],
        public_key=ED25519.encode(ED25519.power_generator(99)),
        administrator="a",
        credential_authority="c",
    )
    nothing: Any = None
    day = PollingDay(
        election_json=election, auth_url="", ballot_urls=[], log=nothing, executor=nothing, random=Random(1)
    )
    left = list(answers)
    async with httpx.AsyncClient(transport=httpx.MockTransport(lambda _: httpx.Response(left.pop(0)))) as client:
        assert (await day.read("http://edge/", client)).status_code == 200
    assert left == []
    return day.measured.refusals


def run_of(refusals: Sequence[Refusal], injected: Sequence[Fault] = ()) -> Run:
    kept = Kept(0, "yes", {"tracker": "kept"})
    plan = Plan({0: 0.0}, [], [Phase("constant", 0, 1)])
    return Run(plan, Outcome(1.0, [kept], (), refusals, seconds=1), [], [], injected)


@pytest.mark.parametrize("status", [502, 504])
async def test_what_an_edge_answers_for_a_service_is_asked_again_and_fails_the_run(
    status: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    refusals = await asked([status, 200], monkeypatch)
    run = run_of(refusals)
    figures = figures_of(run, profile="constant", voters=1, seconds=1)
    assert list(faults_of(figures, run)) == [f"answered {status}, which no fault was injected for: 1 times"]
    assert figures.unavailable == 0
    (refusal,) = refusals
    broken = run_of(refusals, [Fault("ballot-2", refusal.at, refusal.at)])
    assert list(faults_of(figures, broken)) == [], "as any 5xx while a part is broken on purpose"


async def test_a_503_is_asked_again_and_fails_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    run = run_of(await asked([503, 200], monkeypatch))
    assert list(faults_of(figures_of(run, profile="constant", voters=1, seconds=1), run)) == []
