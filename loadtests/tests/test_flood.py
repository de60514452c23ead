"""Junk of each kind is what it says, and what may be answered is told from a fault."""

from __future__ import annotations

import base64
import json
import secrets
from random import Random
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from evote_auth.domain.voting_codes import parse_voting_code
from evote_belenios.ballots import generate_ballot, parse_ballot, tracker_of, verify_ballot, verify_signature
from evote_belenios.credentials import generate, public_credential
from evote_belenios.election import Election, Question, election_json, new_uuid, parse_election
from evote_belenios.errors import BallotError
from evote_belenios.groups import ED25519
from evote_belenios.jsontext import load
from evote_belenios.order import parse_order, sign_order, verify_order
from evote_loadtests import flood
from evote_loadtests.crowd import Sample
from evote_loadtests.flood import BAD_PROOF, BYTES, CODE, REPLAY, STRANGER, Flood, unknown_code
from evote_local.people.target import Target
from evote_local.people.voters import Cast, Voter

RANDOM = secrets.token_bytes


class Polls:
    """Encrypts as a device does."""

    def __init__(self, election: Election) -> None:
        self.election = election

    async def encrypt(self, voter: Voter, choices: list[list[int]]) -> str:
        assert voter.credential is not None
        return generate_ballot(self.election, voter.credential, choices, RANDOM)


@pytest.fixture
def thrower() -> tuple[Flood, list[Sample]]:
    """Of an election at which one voter has voted."""
    question = Question("Plan", ("yes", "no"), True, 1, 1)
    election = parse_election(
        election_json(
            group=ED25519,
            uuid=new_uuid(RANDOM),
            name="n",
            description="d",
            questions=[question],
            public_key=ED25519.encode(ED25519.power_generator(99)),
            administrator="a",
            credential_authority="c",
        )
    )
    key = base64.b64encode(X25519PrivateKey.generate().public_key().public_bytes_raw()).decode()
    target = Target(
        election.uuid, "", "http://auth", ["http://ballot"], "", "", {"yes": [[0, 1, 0]]}, [1], code_key=key
    )
    no_card: Any = None
    voter = Voter(0, no_card, credential=generate(ED25519, RANDOM))
    assert voter.credential is not None
    ballot = generate_ballot(election, voter.credential, [[0, 1, 0]], RANDOM)
    order = sign_order(voter.credential, election.uuid, ED25519, tracker_of(ballot), 1, RANDOM)
    voter.casts.append(Cast(tracker_of(ballot), "yes", {}, 0, 0, ballot, order))
    polls: Any = Polls(election)
    told: list[Sample] = []
    return Flood(target, polls, [voter], Random(1), told.append), told


async def made(thrower: Flood, kind: str) -> tuple[str, Any]:
    found = await thrower._make(kind)
    assert found is not None
    url, content = found
    return url, json.loads(content)


async def test_a_strangers_ballot_holds_and_its_credential_is_nobodys(thrower: tuple[Flood, list[Sample]]) -> None:
    url, body = await made(thrower[0], STRANGER)
    assert url.startswith("http://ballot/")
    election = thrower[0].polls.election
    ballot = parse_ballot(election, body["ballot"])
    verify_ballot(election, ballot)
    mine = thrower[0].voters[0].credential
    assert mine is not None and ballot.credential != public_credential(mine, election.uuid, ED25519)


async def test_of_a_signed_ballot_one_proof_does_not_hold(thrower: tuple[Flood, list[Sample]]) -> None:
    _, body = await made(thrower[0], BAD_PROOF)
    election = thrower[0].polls.election
    ballot = parse_ballot(election, body["ballot"])
    verify_signature(election, ballot)
    order = parse_order(load(json.dumps(body["order"])), ED25519)
    verify_order(order, election_uuid=election.uuid, tracker=ballot.tracker, credential=ballot.credential)
    with pytest.raises(BallotError) as refusal:
        verify_ballot(election, ballot)
    assert refusal.value.rule == "ballot-overall-proof"


async def test_a_ballot_of_somebody_elses_is_the_same_bytes_again(thrower: tuple[Flood, list[Sample]]) -> None:
    _, body = await made(thrower[0], REPLAY)
    assert body["ballot"] == thrower[0].voters[0].casts[0].ballot


def test_a_code_that_nobody_has_looks_like_one() -> None:
    for seed in range(50):
        parse_voting_code(unknown_code(Random(seed)))


async def test_a_code_goes_to_auth_and_to_no_deployment_without_codes(thrower: tuple[Flood, list[Sample]]) -> None:
    url, body = await made(thrower[0], CODE)
    assert url.startswith("http://auth/") and body["sealed_voting_code"]


@pytest.mark.parametrize(
    "status, faults",
    [
        (201, {BYTES, STRANGER, BAD_PROOF, REPLAY, CODE}),
        (500, {BYTES, STRANGER, BAD_PROOF, REPLAY, CODE}),
        (503, set()),
        (429, set()),
        (403, {BYTES, BAD_PROOF, REPLAY}),
    ],
)
async def test_what_is_taken_as_a_new_ballot_is_a_fault_whatever_it_was(
    thrower: tuple[Flood, list[Sample]], monkeypatch: pytest.MonkeyPatch, status: int, faults: set[str]
) -> None:
    answering = httpx.MockTransport(lambda _request: httpx.Response(status, text="{}"))
    monkeypatch.setattr(flood, "open_client", lambda: httpx.AsyncClient(transport=answering))
    for _ in range(60):
        await thrower[0].throw()
    assert {sample.name for sample in thrower[1]} == {BYTES, STRANGER, BAD_PROOF, REPLAY, CODE}
    assert {sample.name for sample in thrower[1] if sample.fault is not None} == faults
