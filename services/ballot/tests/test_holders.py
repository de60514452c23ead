"""What the holder of a credential is told of their own ballots, and that nobody else is."""

from __future__ import annotations

import json
import secrets
from datetime import timedelta
from typing import Any

import httpx
import pytest
from evote_belenios.credentials import public_credential
from evote_belenios.groups import ED25519
from evote_belenios.holder import prove_holding
from evote_belenios.order import parse_order
from evote_eventlog.events import BallotAccepted
from evote_local.people.log_lookup import KnownBallot
from evote_local.testbed import eventually

pytestmark = pytest.mark.stack


async def challenge(place: Any) -> str:
    response = await place.client.post(f"{place.base}/own-ballots/challenges")
    assert response.status_code == 201
    return str(response.json()["challenge"])


async def ask(place: Any, voter: int, text: str, *, about: int | None = None) -> httpx.Response:
    """``voter`` signs the challenge, and asks about the ballots of ``about``, or the own ones."""
    uuid = place.election.uuid
    whose = place.credentials[voter if about is None else about]
    proof = prove_holding(place.credentials[voter], uuid, ED25519, text, secrets.token_bytes)
    body = {"credential": public_credential(whose, uuid, ED25519), "challenge": text, "signature": proof.to_json()}
    response: httpx.Response = await place.client.post(f"{place.base}/own-ballots", json=body)
    return response


async def told(place: Any, voter: int, count: int) -> dict[str, Any]:
    """Once the tables show so many ballots."""
    found: dict[str, Any] = {}

    async def shown() -> bool:
        response = await ask(place, voter, await challenge(place))
        assert response.status_code == 200, response.text
        found.update(response.json())
        return len(found["items"]) == count

    await eventually(shown)
    return found


async def test_the_holder_is_told_the_last_number_and_which_ballots_are_superseded(place: Any) -> None:
    first, _other, last = await place.cast(0), await place.cast(1), await place.cast(0)
    await place.log(first, last)
    own = await told(place, 0, 2)
    assert own["last_number"] == 2
    assert [(item["tracker"], item["superseded"]) for item in own["items"]] == [
        (first["tracker"], True),
        (last["tracker"], False),
    ]
    assert own["ballots_left"] == 98
    none = await told(place, 2, 0)
    assert (none["last_number"], none["ballots_left"]) == (0, 100)


async def test_nobody_is_told_about_the_ballots_of_another(place: Any) -> None:
    await place.cast(0)
    refused = await ask(place, 1, await challenge(place), about=0)
    assert (refused.status_code, place.slug(refused)) == (403, "not-the-holder")


async def test_a_challenge_is_good_for_minutes_and_for_its_election_alone(place: Any) -> None:
    text = await challenge(place)
    last_minute, _, mac = text.partition(".")
    for false in (f"{int(last_minute) + 1}.{mac}", f"{last_minute}.{'0' * 64}", "x", last_minute):
        refused = await ask(place, 0, false)
        assert (refused.status_code, place.slug(refused)) == (403, "stale-challenge")
    place.clock.moved += timedelta(minutes=7)
    refused = await ask(place, 0, text)
    assert (refused.status_code, place.slug(refused)) == (403, "stale-challenge")


async def test_a_voter_makes_the_own_record_anew_from_ballot_and_receipt(place: Any) -> None:
    """Its hash is all that the log shows before the close."""
    cast = place.new_cast(0)
    receipt = (await place.post(cast)).json()
    posted, uuid = json.loads(cast), place.election.uuid
    known = KnownBallot(
        uuid,
        public_credential(place.credentials[0], uuid, ED25519),
        posted["ballot"],
        parse_order(posted["order"], ED25519),
        receipt["accepted_at"],
    )
    (record,) = await place.services.records(uuid, BallotAccepted)
    assert known.record() == record.value
    # Another device of the same voter, or one of another release, is given it.
    (own,) = (await told(place, 0, 1))["items"]
    assert own["record"].encode() == record.value
