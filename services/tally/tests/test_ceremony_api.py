"""The key ceremony over HTTP: wrong orders, wrong messages, wrong people."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from evote_ceremony.messages import CEREMONY_STEPS, Step
from evote_ceremony.plan import Plan
from evote_local.people.rehearsal import Rehearsal, Said
from evote_local.testbed import eventually, running_app
from evote_platform.ratelimit import TokenBucket
from evote_tally.main import PROGRAM

pytestmark = pytest.mark.stack

MESSAGE = "/elections/11111111111111/trustees/1/certificate"


def certificate_with_the_key_of(trustees: Rehearsal, plan: Plan, owner: int, *, of: int) -> Said:
    """What trustee ``of`` sends whose program was given the key of ``owner``, and signed with the own one."""
    return trustees.sign(plan, of, Step.CERTIFICATE, trustees.certificate(plan, of, owner))


def slug(response) -> str:
    return response.json()["type"].removeprefix("urn:tsukuba-evote:problem:")


async def test_a_step_before_everybody_has_done_the_one_before_is_refused(officer) -> None:
    await officer.draft()
    assert (await officer.submit(await officer.say(1, Step.CERTIFICATE))).status_code == 200
    plan = await officer.plan()
    for step in CEREMONY_STEPS[1:]:
        early = await officer.submit(officer.trustees.sign(plan, 1, step, "0" * 64))
        assert (early.status_code, slug(early)) == (409, "ceremony-step-not-yet")
    assert early.json()["waiting_for"] == [1, 2, 3]
    confirmed = await officer.client.put(f"/elections/{officer.uuid}/trustees/1/confirmation", json={"statement": "x"})
    assert (confirmed.status_code, slug(confirmed)) == (403, "not-signed-by-trustee")


async def test_the_same_message_again_is_taken_and_another_one_is_not(officer) -> None:
    await officer.draft()
    said = await officer.say(1, Step.CERTIFICATE)
    assert (await officer.submit(said)).status_code == 200
    assert (await officer.submit(said)).status_code == 200
    other = officer.trustees.sign(await officer.plan(), 1, Step.CERTIFICATE, said.text + " ")
    response = await officer.submit(other)
    assert (response.status_code, slug(response)) == (409, "message-conflict")


async def test_a_certificate_for_another_place_is_refused(officer) -> None:
    await officer.draft()
    said = await officer.say(1, Step.CERTIFICATE)
    response = await officer.submit(officer.trustees.sign(await officer.plan(), 2, Step.CERTIFICATE, said.text))
    assert (response.status_code, slug(response)) == (422, "bad-ceremony-message")
    assert response.json()["rule"] == "certificate-context"


async def test_a_certificate_with_another_trustees_key_is_refused_and_the_ceremony_goes_on(officer) -> None:
    """Taken in, it would end the ceremony when all are there, and the election with it."""
    await officer.draft()
    assert (await officer.submit(await officer.say(1, Step.CERTIFICATE))).status_code == 200
    plan = await officer.plan()
    wrong = certificate_with_the_key_of(officer.trustees, plan, 1, of=2)
    response = await officer.submit(wrong)
    assert (response.status_code, slug(response)) == (409, "certificate-duplicate")
    assert (response.json()["trustee"], response.json()["other"]) == (2, 1)
    await officer.hold_ceremony()


async def test_a_polynomial_that_was_not_committed_to_is_refused(officer) -> None:
    await officer.draft()
    await officer.hold_ceremony(until=Step.POLYNOMIAL)
    honest = await officer.say(2, Step.POLYNOMIAL)
    other = officer.trustees.sign(await officer.plan(), 2, Step.POLYNOMIAL, honest.text + " ")
    response = await officer.submit(other)
    assert (response.status_code, slug(response)) == (422, "bad-ceremony-message")
    assert response.json()["rule"] == "polynomial-commitment"
    assert (await officer.submit(honest)).status_code == 200


async def test_a_trustee_can_not_speak_for_another(officer) -> None:
    await officer.draft()
    said = await officer.say(1, Step.CERTIFICATE)
    response = await officer.submit(replace(said, trustee=2))
    assert (response.status_code, slug(response)) == (403, "not-signed-by-trustee")
    stranger = Rehearsal(["a", "b", "c"]).say(await officer.plan(), 1, Step.CERTIFICATE)
    response = await officer.submit(stranger)
    assert (response.status_code, slug(response)) == (403, "not-signed-by-trustee")
    response = await officer.submit(replace(said, trustee=9))
    assert (response.status_code, slug(response)) == (404, "unknown-trustee")


async def test_a_signature_holds_for_its_own_message_only(officer) -> None:
    await officer.draft()
    said = await officer.say(1, Step.CERTIFICATE)
    response = await officer.submit(replace(said, text=said.text + " "))
    assert (response.status_code, slug(response), response.json()["field"]) == (
        422,
        "statement-of-another",
        "message_sha256",
    )


async def test_what_was_signed_about_another_ceremony_is_refused_with_an_alarm(officer) -> None:
    """A trustee who was shown a stranger's certificate says so in what they sign."""
    await officer.draft()
    await officer.hold_ceremony(until=Step.COMMITMENT)
    shown = replace(await officer.plan(), name="another")
    response = await officer.submit(officer.trustees.say(shown, 1, Step.COMMITMENT))
    assert (response.status_code, slug(response)) == (409, "another-ceremony")


@pytest.mark.parametrize(
    "text", ["{", "{}", '{"message":"\\u0000","signature":{"challenge":"1","response":"1"}}', "[" * 100_000]
)
async def test_what_is_no_certificate_is_refused(officer, text: str) -> None:
    await officer.draft()
    response = await officer.submit(officer.trustees.sign(await officer.plan(), 1, Step.CERTIFICATE, text))
    assert (response.status_code, slug(response)) == (422, "bad-ceremony-message")


async def test_what_is_no_commitment_is_refused(officer) -> None:
    await officer.draft()
    await officer.hold_ceremony(until=Step.COMMITMENT)
    response = await officer.submit(officer.trustees.sign(await officer.plan(), 1, Step.COMMITMENT, "x" * 64))
    assert (response.status_code, slug(response), response.json()["rule"]) == (
        422,
        "bad-ceremony-message",
        "commitment-form",
    )


async def test_a_message_beyond_every_limit_is_refused(officer) -> None:
    await officer.draft()
    response = await officer.put(1, "certificate", {"message": "x" * 1024 * 1024, "statement": "x"})
    assert (response.status_code, slug(response)) == (413, "body-too-large")


async def test_nothing_opens_without_every_trustees_confirmation(officer, stand_ins) -> None:
    await officer.draft()
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 3)
    await eventually(lambda: officer.freezes(3))
    await officer.hold_ceremony()
    for trustee in (1, 3):
        assert (await officer.confirm(trustee)).status_code == 200
    refused = await officer.post("/open")
    assert (refused.status_code, slug(refused)) == (409, "preflight-failed")
    assert [check["name"] for check in refused.json()["checks"]] == ["confirmations"]
    assert (await officer.confirm(2)).status_code == 200
    assert (await officer.confirm(2)).status_code == 200
    assert (await officer.post("/open")).json()["state"] == "open"


async def test_a_confirmation_of_other_texts_is_refused(officer, stand_ins) -> None:
    await officer.draft()
    await stand_ins.auth.publish_credentials(officer.uuid, "Ed25519", 3)
    await officer.hold_ceremony()
    plan = await officer.plan()
    setup = officer.trustees.setup(plan, "0" * 64)
    early = await officer.put(1, "confirmation", {"statement": officer.trustees.confirm(plan, 1, setup)})
    assert (early.status_code, slug(early)) == (409, "wrong-stage")
    await eventually(lambda: officer.freezes(3))
    other = await officer.put(1, "confirmation", {"statement": officer.trustees.confirm(plan, 1, setup)})
    assert (other.status_code, slug(other)) == (422, "statement-of-another")
    assert other.json()["field"] == "credentials_sha256"


async def test_the_public_sees_what_each_trustee_has_done(officer) -> None:
    await officer.draft()
    await officer.submit(await officer.say(2, Step.CERTIFICATE))
    shown = json.loads((await officer.get("")).text)["trustees"]
    assert [trustee["certificate"] for trustee in shown] == [False, True, False]
    assert [trustee["key"] for trustee in shown] == [trustee.key for trustee in officer.trustees.trustees]


async def test_an_address_has_its_share_of_messages_before_any_is_read(tally_settings) -> None:
    """A stranger's megabytes are refused by the head; the officers at the same address are not."""
    app = PROGRAM.app(PROGRAM.start(tally_settings))
    async with running_app(app) as client:
        # Two at once, and then none while the test runs, however long it takes.
        app.state.service = replace(app.state.service, address_limit=TokenBucket(1 / 3600, 2))
        sent = [await client.put(MESSAGE, json={"message": "x" * 10**6, "statement": "x"}) for _ in range(2)]
        assert {slug(answer) for answer in sent} == {"unknown-election"}
        refused = await client.put(MESSAGE, content=b"neither JSON nor looked at")
        assert (refused.status_code, slug(refused)) == (429, "rate-limited")
        assert int(refused.headers["Retry-After"]) > 0
        assert (await client.get("/elections")).status_code == 200
