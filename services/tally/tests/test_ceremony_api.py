"""The key ceremony over HTTP: wrong orders, wrong messages, wrong people."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

pytestmark = pytest.mark.stack


def slug(response) -> str:
    return response.json()["type"].removeprefix("urn:tsukuba-evote:problem:")


async def test_a_step_before_everybody_has_done_the_one_before_is_refused(officer) -> None:
    await officer.draft()
    assert (await officer.submit(await officer.sign(1))).status_code == 200
    early = await officer.put(1, "commitment", json.dumps({"commitment": "0" * 64}))
    assert (early.status_code, slug(early)) == (409, "ceremony-step-not-yet")
    assert early.json()["waiting_for"] == [2, 3]
    for step in ("polynomial", "voutput"):
        response = await officer.put(1, step, "{}")
        assert (response.status_code, slug(response)) == (409, "ceremony-step-not-yet")


async def test_the_same_message_again_is_taken_and_another_one_is_not(officer) -> None:
    await officer.draft()
    message = await officer.sign(1)
    assert (await officer.submit(message)).status_code == 200
    assert (await officer.submit(message)).status_code == 200
    (officer.folder / "trustee-1.key").unlink()
    (officer.folder / f"trustee-1.key.{officer.uuid}.json").unlink()
    officer.tokens[1], officer.tokens[0] = officer.tokens[0], officer.tokens[0]
    other = replace(message, body=message.body + " ")
    response = await officer.submit(other)
    assert (response.status_code, slug(response)) == (409, "message-conflict")


async def test_a_certificate_for_another_place_is_refused(officer) -> None:
    await officer.draft()
    message = await officer.sign(1)
    response = await officer.put(2, "certificate", message.body)
    assert (response.status_code, slug(response)) == (422, "bad-ceremony-message")
    assert response.json()["rule"]


async def test_a_polynomial_that_was_not_committed_to_is_refused(officer) -> None:
    await officer.draft()
    for _ in ("certificate", "commitment"):
        for trustee in (1, 2, 3):
            assert (await officer.submit(await officer.sign(trustee))).status_code == 200
    honest = await officer.sign(2)
    response = await officer.submit(replace(honest, body=honest.body + " "))
    assert (response.status_code, slug(response)) == (422, "bad-ceremony-message")
    assert response.json()["rule"] == "polynomial-commitment"
    assert (await officer.submit(honest)).status_code == 200


async def test_a_trustee_can_not_speak_for_another(officer) -> None:
    await officer.draft()
    message = await officer.sign(1)
    officer.tokens[0] = officer.tokens[1]
    response = await officer.submit(message)
    assert (response.status_code, slug(response)) == (403, "forbidden")


async def test_the_ceremony_is_shown_to_trustees_only(officer) -> None:
    await officer.draft()
    assert (await officer.get("/ceremony")).status_code == 401
    response = await officer.client.get(
        f"/elections/{officer.uuid}/ceremony", headers={"Authorization": "Bearer nobody"}
    )
    assert response.status_code == 403


@pytest.mark.parametrize(
    ("text", "status", "problem"),
    [
        ("{", 400, "malformed-json"),
        ("{}", 422, "bad-ceremony-message"),
        ('{"message":"\\u0000","signature":{"challenge":"1","response":"1"}}', 422, "bad-ceremony-message"),
        ("[" * 100_000, 400, "malformed-json"),
        ('"' + "x" * 1024 * 1024 + '"', 413, "body-too-large"),
    ],
)
async def test_what_is_no_certificate_is_refused(officer, text, status, problem) -> None:
    await officer.draft()
    response = await officer.put(1, "certificate", text)
    assert (response.status_code, slug(response)) == (status, problem)
