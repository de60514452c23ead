"""Voting codes over HTTP: issued, typed, mistyped, guessed and replaced, over real Kafka and PostgreSQL."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta

import asyncpg
import httpx
import pytest
from evote_auth.domain.faces import MOST_ORDERS
from evote_auth.domain.voting_codes import new_voting_code
from evote_auth.main import PROGRAM
from evote_auth.settings import AuthSettings
from evote_auth.vault import roll
from evote_local.people.occasions import DeviceOccasion
from evote_local.testbed import running_app

from .face_way import HANAKO, HANAKO_ID, ICHIRO, ICHIRO_ID, refused

pytestmark = pytest.mark.stack


async def test_a_code_is_taken_however_it_is_typed(open_town) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    typed = code.lower().replace("0", "o").replace("-", "ー")
    assert (await open_town.face_order(typed)).status_code == 201


async def test_a_typing_error_is_told_before_anything_is_counted(open_town) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    mistyped = code[:-1] + ("0" if code[-1] != "0" else "1")
    assert refused(await open_town.face_order(mistyped)) == (422, "voting-code-mistyped")
    assert await wrong_codes(open_town) == 0


async def test_codes_of_nobody_or_of_another_election_are_refused_and_counted(open_town) -> None:
    other = (await open_town.letters())[HANAKO_ID]
    await open_town.prepare(HANAKO, ICHIRO)
    mine = (await open_town.letters())[HANAKO_ID]
    for code in (new_voting_code(secrets.token_bytes).shown, other):
        assert refused(await open_town.face_order(code)) == (403, "voting-code-unknown")
    assert await wrong_codes(open_town) == 2
    assert (await open_town.face_order(mine)).status_code == 201


async def test_many_wrong_codes_slow_an_election_down_at_every_replica_and_keep_nobody_out(
    open_town, replica: httpx.AsyncClient, monkeypatch
) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    slept: list[float] = []

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    service = open_town.app.state.service
    monkeypatch.setattr(open_town.app.state, "service", replace(service, sleep=sleep))
    code_of_nobody = new_voting_code(secrets.token_bytes).shown
    wrong = DeviceOccasion(open_town.uuid).order_request(code_of_nobody, open_town.code_key)
    for _ in range(35):
        assert (await replica.post(f"{open_town.base}/face-orders", json=wrong)).status_code == 403
    assert (await open_town.face_order(code_of_nobody)).status_code == 403
    assert (await open_town.face_order(code)).status_code == 201, "the right code is let through"
    assert slept == pytest.approx([0.1, 0.12])
    open_town.clock.moved = timedelta(minutes=4)
    assert (await open_town.face_order(code)).status_code == 201
    assert slept[-1] == 0


async def test_an_address_is_limited(open_town, auth_settings: AuthSettings, clock) -> None:
    few = auth_settings.model_copy(update={"address_requests_per_minute": 3})
    code_of_nobody = new_voting_code(secrets.token_bytes).shown
    wrong = DeviceOccasion(open_town.uuid).order_request(code_of_nobody, open_town.code_key)
    async with running_app(PROGRAM.app(PROGRAM.start(few), clock)) as client:
        answers = [await client.post(f"{open_town.base}/face-orders", json=wrong) for _ in range(4)]
    assert [refused(answer)[1] for answer in answers] == ["voting-code-unknown"] * 3 + ["rate-limited"]
    assert "retry-after" in answers[-1].headers


async def test_whoever_has_the_letter_but_not_the_face_gets_so_many_orders_an_hour(open_town) -> None:
    codes = await open_town.letters()
    for _ in range(MOST_ORDERS):
        assert (await open_town.face_order(codes[HANAKO_ID])).status_code == 201
    response = await open_town.face_order(codes[HANAKO_ID])
    assert refused(response) == (429, "too-many-face-orders")
    assert 3500 < int(response.headers["retry-after"]) <= 3600
    assert (await open_town.face_order(codes[ICHIRO_ID])).status_code == 201, "nobody else is held up"
    assert (await open_town.release(open_town.card(HANAKO))).status_code == 200, "the card still works"
    open_town.clock.moved = timedelta(minutes=61)
    assert (await open_town.face_order(codes[HANAKO_ID])).status_code == 201


async def test_letters_are_void_only_when_the_officer_says_which(open_town) -> None:
    first = await open_town.letters()
    begun = await open_town.verdict(first[HANAKO_ID])
    assert set(first) == {HANAKO_ID, ICHIRO_ID}
    again = await open_town.officer("voting-codes")
    assert refused(again, None) == (409, "voting-codes-issued") and again.json()["issue"] == 1
    assert refused(await open_town.officer("voting-codes", replaces=2), None) == (409, "no-such-issue")
    second = await open_town.letters(replaces=1)
    assert not set(first.values()) & set(second.values())
    assert refused(await open_town.face_order(first[HANAKO_ID])) == (403, "voting-code-unknown")
    assert refused(await open_town.release_by_face(begun)) == (409, "face-order-used")
    assert (await open_town.face_order(second[HANAKO_ID])).status_code == 201


async def test_of_two_officers_who_issue_at_once_one_is_told(open_town, replica: httpx.AsyncClient) -> None:
    body = {"officer": "佐藤", "reason": "発送"}
    url, headers = f"{open_town.base}/voting-codes", {"Authorization": "Bearer officer-token-of-a-test"}
    answers = await asyncio.gather(
        *(client.post(url, json=body, headers=headers) for client in (open_town.client, replica))
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]


async def test_who_has_a_code_by_card_keeps_it_when_letters_are_sent(open_town) -> None:
    _, code = await open_town.enrolled_by_card(open_town.card(HANAKO))
    assert set(await open_town.letters()) == {ICHIRO_ID}
    assert (await open_town.face_order(code)).status_code == 201


async def test_a_new_code_voids_the_old_one_and_what_was_begun_with_it(open_town) -> None:
    old = (await open_town.letters())[HANAKO_ID]
    begun = await open_town.verdict(old)
    response = await open_town.officer(f"voters/{HANAKO_ID}/voting-code")
    assert response.status_code == 201 and response.headers["cache-control"] == "no-store"
    assert refused(await open_town.face_order(old)) == (403, "voting-code-unknown")
    assert refused(await open_town.release_by_face(begun)) == (409, "face-order-used")
    fresh = await open_town.verdict(response.json()["voting_code"])
    assert (await open_town.release_by_face(fresh)).status_code == 200
    (evidence,) = await open_town.evidence()
    assert evidence["second_factor"]["origin"] == "officer"
    assert evidence["second_factor"]["officer"] == "係長 佐藤"


async def test_only_keyed_hashes_of_codes_are_stored_and_nothing_is_logged(open_town, capsys) -> None:
    codes = await open_town.letters()
    _, code = await open_town.enrolled_by_card(open_town.card(HANAKO))
    verdict = await open_town.verdict(code)
    await open_town.face_order(codes[HANAKO_ID])
    await open_town.release_by_face(verdict)
    connection = await asyncpg.connect(open_town.settings.database_url.get_secret_value())
    tables = [
        row["table_name"]
        for row in await connection.fetch("SELECT table_name FROM information_schema.tables WHERE table_schema='auth'")
    ]
    stored = "".join([str(await connection.fetch(f"SELECT * FROM auth.{table}")) for table in tables])
    await connection.close()
    written = "".join(capsys.readouterr())
    for secret in (code, *codes.values()):
        for form in (secret, secret.replace("-", "")):
            assert form not in stored and form not in written
    assert verdict not in written and "佐藤" not in written


async def test_codes_and_enrolments_are_for_officers_only_and_for_voters_of_the_roll(open_town) -> None:
    for path in ("voting-codes", f"voters/{HANAKO_ID}/voting-code", f"voters/{HANAKO_ID}/face-enrolment"):
        response = await open_town.client.post(f"{open_town.base}/{path}", json={"officer": "a", "reason": "b"})
        assert refused(response, None) == (401, "unauthorized")
    for path in ("voters/999999/voting-code", "voters/999999/face-enrolment"):
        assert refused(await open_town.officer(path), None) == (404, "unknown-voter")


async def wrong_codes(town) -> int:
    connection = await asyncpg.connect(town.settings.database_url.get_secret_value())
    count = await connection.fetchval(
        "SELECT coalesce(sum(wrong), 0) FROM auth.vault_wrong_codes WHERE election_uuid = $1", town.uuid
    )
    await connection.close()
    return int(count)


async def test_a_code_that_is_replaced_while_it_is_looked_up_gives_no_order(open_town, monkeypatch) -> None:
    old = (await open_town.letters())[HANAKO_ID]
    lock_voter = roll.lock_voter

    async def replaced_first(*arguments) -> None:
        monkeypatch.setattr(roll, "lock_voter", lock_voter)
        assert (await open_town.officer(f"voters/{HANAKO_ID}/voting-code")).status_code == 201
        await lock_voter(*arguments)

    monkeypatch.setattr(roll, "lock_voter", replaced_first)
    assert refused(await open_town.face_order(old)) == (403, "voting-code-unknown")


async def test_letters_and_a_code_by_card_at_once_leave_each_voter_one_code_that_works(
    open_town, replica: httpx.AsyncClient
) -> None:
    act = {"officer": "佐藤", "reason": "発送"}
    headers = {"Authorization": "Bearer officer-token-of-a-test"}
    issued, (_, code) = await asyncio.gather(
        replica.post(f"{open_town.base}/voting-codes", json=act, headers=headers),
        open_town.enrolled_by_card(open_town.card(HANAKO)),
    )
    assert issued.status_code == 201
    assert (await open_town.face_order(code)).status_code == 201
