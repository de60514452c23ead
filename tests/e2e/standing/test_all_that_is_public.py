"""What anybody reads of a standing election by every route that answers without access, before and after its close.

It comes first of its folder, as its name has it: an archive is whole for the public only once every election of its
time has closed, and others leave theirs open.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from evote_local.people.voters import PollingDay, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.referendum.verification import verify_from_public_data
from evote_local.stack.service import Service
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

pytestmark = [pytest.mark.stack, pytest.mark.slow]

CHOICE, CODED = "はい", [[0, 1, 0]]
_TIME = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d+)?(?:Z|[+-]\d{2}:\d{2})")
_TELLS_NOW = ("/readyz", "/statusz", "/challenges")
"""What time it is, and until when an own challenge holds, tells nothing about anybody else."""
_OFFICERS_COMMAND = re.compile(r'\{\\"body_sha256\\":[^{}]*\\"kind\\":\\"tsukuba-evote officer command v1\\"[^{}]*\}')
"""When an officer signed what opens or closes an election is told exactly: it is no voter's time."""
_PROVES = {"/elections/{election_uuid}/own-ballots"}
"""Asks for a proof of holding the credential."""


@dataclass(frozen=True)
class Answer:
    """What one route said."""

    route: str
    status: int
    text: str


def test_during_the_vote_no_ballot_leaves_and_after_the_close_all_of_them_do(stack: Stack, tmp_path: Path) -> None:
    asyncio.run(_election(stack, tmp_path))


async def _election(stack: Stack, directory: Path) -> None:
    async with open_client(timeout_s=60) as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=3, seed=11)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            for voter in (*referendum.voters, referendum.voters[0]):
                if voter.credential is None:
                    await polls.obtain_credential(voter, client)
                await polls.cast(voter, CHOICE, CODED, client)
            for voter in referendum.voters:
                await polls.wait_until_anchored(voter.casts[-1], client)
            await _nothing_leaks(stack, client, referendum)
            await _each_voter_proves_the_own_ballot(client, polls, referendum)
        await referendum.close_and_count()
        await _everything_is_public(stack, client, referendum)
        await referendum.officers.download_archive(directory / "archive.bel")
        verdict = await verify_from_public_data(stack, client, referendum.voters[0].casts[0].receipt, directory)
        assert verdict.accepted, verdict.output
        assert "not public yet" not in verdict.output


async def _nothing_leaks(stack: Stack, client: httpx.AsyncClient, referendum: Referendum) -> None:
    uuid = referendum.officers.election_uuid
    casts = [cast for voter in referendum.voters for cast in voter.casts]
    credentials = {json.loads(cast.ballot)["credential"] for cast in casts}
    ciphertexts = [
        part
        for cast in casts
        for answer in json.loads(cast.ballot)["answers"]
        for choice in answer["choices"]
        for part in (choice["alpha"], choice["beta"])
    ]
    # Who may vote is public from the freeze on, as one sorted list: it tells nothing of who did.
    listed = (await referendum.officers.text("public_creds.json")).strip()[1:-1]
    answers = await _walk(stack, client, uuid, casts[0].tracker)
    assert {answer.status for answer in answers} <= {200, 201, 403, 404}
    withheld = {answer.route for answer in answers if ":withheld-until-the-close" in answer.text}
    assert withheld == {
        "ballot GET /elections/{election_uuid}/ballots/{tracker}",
        "tally GET /elections/{election_uuid}/archive.bel",
    }
    assert [leak for answer in answers for leak in _leaks(answer, listed, {*credentials, *ciphertexts})] == []
    shown = next(answer for answer in answers if answer.route == "ballot GET /elections/{election_uuid}/ballots")
    assert {item["tracker"] for item in json.loads(shown.text)["items"]} == {cast.tracker for cast in casts}


def _leaks(answer: Answer, listed: str, secrets: set[str]) -> Iterator[str]:
    rest = answer.text.replace(listed, "")
    if any(secret in rest for secret in secrets):
        yield f"{answer.route}: a credential or a ciphertext"
    for link in ('"superseded_by"', '"superseded":true', '"superseded":false', '"position"'):
        if link in rest:
            yield f"{answer.route}: {link}"
    for time in _TIME.findall(_OFFICERS_COMMAND.sub("", rest)):
        if not answer.route.endswith(_TELLS_NOW) and not re.search(r":00(\.0+)?(Z|[+-])", time):
            yield f"{answer.route}: {time}"


async def _each_voter_proves_the_own_ballot(
    client: httpx.AsyncClient, polls: PollingDay, referendum: Referendum
) -> None:
    """By the ballot and its receipt, under the log's signed head: no server has to be believed."""
    for voter in referendum.voters:
        for cast in voter.casts:
            assert await polls.shows(cast, voter, client)


async def _everything_is_public(stack: Stack, client: httpx.AsyncClient, referendum: Referendum) -> None:
    uuid, cast = referendum.officers.election_uuid, referendum.voters[0].casts[0]
    routes = (
        "ballot GET /elections/{election_uuid}/ballots/{tracker}",
        "tally GET /elections/{election_uuid}/archive.bel",
        "ledger-anchor GET /tile/records/{place}",
    )

    async def shown() -> bool:
        answers = {answer.route: answer for answer in await _walk(stack, client, uuid, cast.tracker)}
        return all(json.dumps(cast.ballot)[1:-1] in answers[route].text for route in routes[2:]) and all(
            answers[route].status == 200 and cast.ballot in answers[route].text for route in routes[:2]
        )

    await patiently(shown)
    answers = {answer.route: answer for answer in await _walk(stack, client, uuid, cast.tracker)}
    board = json.loads(answers["ballot GET /elections/{election_uuid}/ballots"].text)["items"]
    assert [item["superseded"] for item in board if item["tracker"] == cast.tracker] == [True]
    status = json.loads(answers["ballot GET /elections/{election_uuid}/status/{tracker}"].text)
    assert status["superseded_by"] == referendum.voters[0].casts[-1].tracker


async def _walk(stack: Stack, client: httpx.AsyncClient, uuid: str, tracker: str) -> list[Answer]:
    """Every route of every service that answers without access, asked once."""
    size = (await client.get(f"{stack.ledger_anchor.url}/coverage")).json()["size"]
    known = {"election_uuid": uuid, "tracker": tracker, "level": "0", "part": "0", "place": f"000.p/{size}"}
    return [
        await _ask(client, service, method, path, known)
        for service in (stack.auth, stack.ballots[0], stack.ledger_anchor, stack.tally)
        for method, path in _open_routes((await client.get(f"{service.url}/openapi.json")).json())
    ]


def _open_routes(document: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What can be read, and what can be asked with no more than an election's name."""
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            is_open = {} in operation.get("security", [{}])
            reads = method == "get" or (method == "post" and "requestBody" not in operation)
            if is_open and reads and path not in _PROVES:
                yield method.upper(), path


async def _ask(client: httpx.AsyncClient, service: Service, method: str, path: str, known: dict[str, str]) -> Answer:
    # KeyError: a route has a new parameter; say above what to ask it with.
    url = f"{service.url}{path.format_map(known)}"
    answer: Answer | None = None

    async def answered() -> bool:
        nonlocal answer
        answer = await _ask_once(client, service, method, path, url)
        return answer.status != 503  # as on a busy machine; who asks comes again

    await patiently(answered)
    assert answer is not None
    return answer


async def _ask_once(client: httpx.AsyncClient, service: Service, method: str, path: str, url: str) -> Answer:
    query = {"first": "1"} if path == "/proofs/consistency" else {"index": "0"} if path == "/proofs/inclusion" else {}
    async with client.stream(method, url, params=query) as response:
        if response.headers["content-type"].startswith("text/event-stream"):
            lines = [line async for line in _first_event(response)]
            content = "\n".join(lines)
        else:
            content = (await response.aread()).decode("utf-8", "replace")
    name = service.name.removesuffix("-1")
    return Answer(f"{name} {method} {path}", response.status_code, content)


async def _first_event(response: httpx.Response) -> Any:
    async for line in response.aiter_lines():
        if not line.strip():
            return
        yield line
