"""A signed command that is sent again, byte by byte: by an officer without an answer, or by whoever kept a copy."""

from __future__ import annotations

import asyncio

import httpx
import pytest
from evote_eventlog.events import OfficersActed

from .conftest import Town
from .face_way import HANAKO, HANAKO_ID, ICHIRO, refused

pytestmark = pytest.mark.stack


async def repeat(response: httpx.Response, client: httpx.AsyncClient) -> httpx.Response:
    """The request that was answered, once more: the same signatures under the same body."""
    sent = response.request
    return await client.send(client.build_request(sent.method, sent.url, content=sent.content, headers=sent.headers))


async def require_one_act(town: Town, acts: int) -> None:
    """The log names as many different acts as there were commands, however often each was sent."""
    assert len({event.evidence_sha256 for event in await town.events(OfficersActed)}) == acts


@pytest.mark.parametrize(
    "path", ["voting-codes", f"voters/{HANAKO_ID}/voting-code", f"voters/{HANAKO_ID}/face-enrolment"]
)
async def test_a_command_whose_answer_is_a_secret_gives_it_once_at_whatever_replica(
    open_town: Town, replica: httpx.AsyncClient, path: str
) -> None:
    first = await open_town.officer(path)
    assert first.status_code == 201
    for client in (open_town.client, replica):
        assert refused(await repeat(first, client), None) == (409, "command-done-before")
    await require_one_act(open_town, 2)  # the roll's import was the other one


async def test_a_copy_of_the_command_for_letters_does_not_void_the_codes_in_them(open_town: Town) -> None:
    issued = await open_town.officer("voting-codes")
    await repeat(issued, open_town.client)
    again = await open_town.officer("voting-codes")
    assert refused(again, None) == (409, "voting-codes-issued") and again.json()["issue"] == 1


async def test_of_one_command_at_two_replicas_at_once_one_is_carried_out(
    open_town: Town, replica: httpx.AsyncClient
) -> None:
    path = f"voters/{HANAKO_ID}/voting-code"
    signed = open_town.client.build_request("POST", f"{open_town.base}/{path}", json={})
    next(open_town.signed.sync_auth_flow(signed))
    content, headers = signed.read(), signed.headers
    answers = await asyncio.gather(
        *(
            client.send(client.build_request("POST", signed.url, content=content, headers=headers))
            for client in (open_town.client, replica)
        )
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    await require_one_act(open_town, 2)


async def test_a_copy_of_a_block_does_not_block_a_card_that_was_found(open_town: Town) -> None:
    card = open_town.card(HANAKO)
    await open_town.released(card)
    blocked = await open_town.officer(f"voters/{HANAKO_ID}/card-block")
    assert blocked.status_code == 200
    assert (await open_town.officer(f"voters/{HANAKO_ID}/card-unblock")).status_code == 204
    assert refused(await repeat(blocked, open_town.client), None) == (409, "command-done-before")
    await open_town.released(card)


async def test_a_copy_of_an_older_import_does_not_bring_its_roll_back(town: Town) -> None:
    town.uuid = await town.draft()
    older = await town.import_roll(town.roll_csv(HANAKO))
    assert (await town.import_roll(town.roll_csv(HANAKO, ICHIRO))).status_code == 200
    assert (await repeat(older, town.client)).status_code == 200
    roll = await town.client.get(f"{town.base}/roll", auth=town.signed)
    assert roll.json()["roll_size"] == 2
