"""Releasing credentials by face, over real Kafka and PostgreSQL. Biometric's word is given by ``BiometricStandIn``."""

from __future__ import annotations

import asyncio
import secrets
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_auth.domain.faces import ORDER_LIFETIME
from evote_auth.domain.voting_codes import new_voting_code
from evote_auth.main import PROGRAM
from evote_auth.settings import AuthSettings
from evote_device.requests import EnrolmentRequested
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_face.statements import FacePurpose
from evote_local.people.occasions import DeviceOccasion
from evote_local.testbed import running_app
from pydantic import ValidationError

from .conftest import order_of
from .face_way import HANAKO, HANAKO_ID, refused

pytestmark = pytest.mark.stack


@pytest.fixture
async def verdict(open_town) -> str:
    """Hanako's, by the code of her letter."""
    return await open_town.verdict((await open_town.letters())[HANAKO_ID])


async def test_by_face_and_by_card_a_voter_gets_the_same_credential(open_town) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    by_face = await open_town.released_by_face(await open_town.verdict(code))
    assert by_face == await open_town.released(open_town.card(HANAKO))
    assert by_face == await open_town.released_by_face(await open_town.verdict(code))
    assert sorted(event.method for event in await open_town.events(VoterAuthenticated)) == ["card", "face", "face"]
    assert len({event.voter_ref for event in await open_town.events(CredentialReleased)}) == 1


async def test_the_evidence_holds_the_verdict_and_the_second_factor_and_never_the_code(open_town) -> None:
    await open_town.officer(f"voters/{HANAKO_ID}/face-enrolment")
    code = (await open_town.letters())[HANAKO_ID]
    verdict = await open_town.verdict(code)
    credential = await open_town.released_by_face(verdict)
    (evidence,) = await open_town.evidence()
    assert evidence["method"] == "face" and evidence["verdict"] == verdict
    factor = evidence["second_factor"]
    assert (factor["kind"], factor["origin"]) == ("voting-code", "letter")
    assert factor["issued_at"] <= factor["proven_at"] <= evidence["released_at"]
    (enrolment,) = evidence["enrolments"]
    assert (enrolment["by"], enrolment["officer"]) == ("officer", "田中 美咲、伊藤 健")
    assert code not in str(evidence) and code.replace("-", "") not in str(evidence) and credential not in str(evidence)


async def test_a_voter_with_a_card_enrols_and_gets_a_code_that_opens_the_face_way(open_town) -> None:
    text, code = await open_town.enrolled_by_card(open_town.card(HANAKO))
    order = open_town.biometric.order(text, FacePurpose.ENROL)
    assert await open_town.events(CredentialReleased) == []
    released = await open_town.release_by_face(await open_town.verdict(code))
    assert released.status_code == 200, released.text
    (evidence,) = await open_town.evidence()
    assert evidence["second_factor"]["origin"] == "card" and evidence["voter_ref"] == order.voter_ref
    assert [(enrolment["order_id"], enrolment["by"]) for enrolment in evidence["enrolments"]] == [
        (order.order_id, "card")
    ]


async def test_who_fails_by_card_gets_no_code(open_town) -> None:
    stranger = replace(HANAKO, name="田中 蓮", address="東京都千代田区1番")
    assert refused(await open_town.enrol_by_card(open_town.card(stranger))) == (403, "not-on-roll")
    body = open_town.sign(open_town.card(HANAKO), await open_town.challenge(), EnrolmentRequested)
    url = f"{open_town.base}/face-enrolments"
    first = await open_town.client.post(url, json=body)
    assert first.status_code == 201 and first.headers["cache-control"] == "no-store"
    assert refused(await open_town.client.post(url, json=body)) == (409, "challenge-replayed")


async def test_a_verdict_is_good_for_one_request_even_on_two_replicas(
    open_town, verdict: str, replica: httpx.AsyncClient
) -> None:
    answers = await asyncio.gather(open_town.release_by_face(verdict), open_town.release_by_face(verdict, replica))
    order_id = order_of(verdict)
    # The same request is the same attempt, whichever replica lost its answer: to the one device that can open it.
    assert len({open_town.credential(answer, order_id) for answer in answers}) == 1
    assert len({answer.json()["sealed_credential"] for answer in answers}) == 2, "sealed anew"
    assert len(await open_town.events(CredentialReleased)) == len(await open_town.evidence()) == 2
    again = open_town.biometric.verdict(open_town.orders[order_id], open_town.clock())
    assert refused(await open_town.release_by_face(again)) == (409, "face-order-used")


async def test_a_verdict_that_biometric_did_not_sign_is_refused(open_town, verdict: str) -> None:
    stranger = replace_key(open_town.biometric)
    forged = stranger.verdict(
        (await open_town.face_order((await open_town.letters(replaces=1))[HANAKO_ID])).json()["order"]
    )
    assert refused(await open_town.release_by_face(forged)) == (403, "bad-verdict-signature")
    assert refused(await open_town.release_by_face("{}")) == (422, "malformed-verdict")
    order = (await open_town.face_order((await open_town.letters(replaces=2))[HANAKO_ID])).json()["order"]
    assert refused(await open_town.release_by_face(order)) == (422, "malformed-verdict")
    assert refused(await open_town.release_by_face("x" * 3000)) == (422, "invalid-request")


def replace_key(biometric):
    other = type(biometric)(biometric._order_key)
    other.key = Ed25519PrivateKey.generate()
    return other


async def test_a_verdict_must_answer_an_order_of_this_election_for_this_voter(open_town) -> None:
    codes = await open_town.letters()
    unknown = await open_town.verdict(codes[HANAKO_ID], order_id="0" * 32)
    assert refused(await open_town.release_by_face(unknown)) == (404, "face-order-unknown")
    other_voter = await open_town.verdict(codes[HANAKO_ID], voter_ref="0" * 32)
    assert refused(await open_town.release_by_face(other_voter)) == (403, "verdict-of-another-order")
    moved = await open_town.verdict(codes[HANAKO_ID], election_uuid="4yP2vbZnkbxpPG")
    assert refused(await open_town.release_by_face(moved)) == (409, "verdict-of-another-election")
    enrolment = open_town.biometric.order(
        (await open_town.officer(f"voters/{HANAKO_ID}/face-enrolment")).json()["order"], FacePurpose.ENROL
    )
    for_enrolment = await open_town.verdict(codes[HANAKO_ID], order_id=enrolment.order_id)
    assert refused(await open_town.release_by_face(for_enrolment)) == (404, "face-order-unknown")
    here = await open_town.verdict(codes[HANAKO_ID])
    await open_town.prepare(HANAKO)
    assert refused(await open_town.release_by_face(here)) == (409, "verdict-of-another-election")


async def test_old_verdicts_and_old_orders_are_refused(open_town) -> None:
    code = (await open_town.letters())[HANAKO_ID]
    old = await open_town.verdict(code)
    order = (await open_town.face_order(code)).json()["order"]
    open_town.clock.moved = timedelta(minutes=6)
    assert refused(await open_town.release_by_face(old)) == (409, "verdict-expired")
    open_town.clock.moved = ORDER_LIFETIME + timedelta(seconds=1)
    late = open_town.biometric.verdict(order, open_town.clock())
    assert refused(await open_town.release_by_face(late)) == (409, "face-order-expired")


@pytest.mark.parametrize(
    ("stop", "status"), [(LogUnavailable("away"), 503), (RuntimeError("the process ends here"), 500)]
)
async def test_without_the_log_nothing_is_released_and_the_voter_may_try_again(
    open_town, verdict: str, monkeypatch, stop: Exception, status: int
) -> None:
    async def away(event: object) -> None:
        raise stop

    with monkeypatch.context() as patch:
        patch.setattr(open_town.app.state.service.releasing.producer, "publish_together", away)
        response = await open_town.release_by_face(verdict)
    assert response.status_code == status and "sealed_credential" not in response.json()
    assert await open_town.events(CredentialReleased) == []
    assert len(await open_town.evidence()) == 1, "evidence without a release, never a release without evidence"
    if status == 503:
        assert refused(response) == (503, "log-unavailable")
    assert (await open_town.release_by_face(verdict)).status_code == 200


async def test_nothing_is_given_before_the_freeze_or_after_the_close(town) -> None:
    town.uuid = await town.draft()
    code = new_voting_code(secrets.token_bytes).shown
    assert refused(await town.face_order(code)) == (409, "roll-not-frozen")
    assert refused(await town.officer("voting-codes"), None) == (409, "roll-not-frozen")
    await town.prepare(HANAKO)
    code = (await town.letters())[HANAKO_ID]
    verdict = await town.verdict(code)
    await town.close()
    assert refused(await town.face_order(code), []) == (403, "election-closed")
    assert refused(await town.release_by_face(verdict), []) == (403, "election-closed")


async def test_without_biometric_the_face_way_says_so_and_the_card_works(
    open_town, auth_settings: AuthSettings, clock
) -> None:
    keys = ("face_order_key_file", "biometric_public_key_file", "voting_code_key_file")
    without = auth_settings.model_copy(update=dict.fromkeys(keys))
    body = open_town.sign(open_town.card(HANAKO), await open_town.challenge())
    order = DeviceOccasion(open_town.uuid).order_request("x", open_town.code_key)
    async with running_app(PROGRAM.app(PROGRAM.start(without), clock)) as client:
        for path, sent in (("face-orders", order), ("face-releases", {"verdict": "x", "device_request": "x"})):
            assert refused(await client.post(f"{open_town.base}/{path}", json=sent)) == (404, "face-not-offered")
        enrolment = await client.post(f"{open_town.base}/face-enrolments", json=body)
        assert refused(enrolment) == (404, "face-not-offered")
        for path in ("voting-codes", f"voters/{HANAKO_ID}/voting-code", f"voters/{HANAKO_ID}/face-enrolment"):
            response = await client.post(f"{open_town.base}/{path}", json={}, auth=open_town.signed)
            assert refused(response, None) == (404, "face-not-offered")
        assert (await client.post(f"{open_town.base}/releases", json=body)).status_code == 200


async def test_without_authorities_the_card_says_so_and_voting_code_and_face_work(
    open_town, auth_settings: AuthSettings, clock
) -> None:
    """As at a school: officers enrol faces and hand out codes on paper, and nobody has a card."""
    without = auth_settings.model_copy(update={"ca_bundle_file": None, "crl_file": None})
    body = open_town.sign(open_town.card(HANAKO), await open_town.challenge())
    device = DeviceOccasion(open_town.uuid)
    async with running_app(PROGRAM.app(PROGRAM.start(without), clock)) as client:
        asked = await client.post(f"{open_town.base}/challenges", json={"device_key": device.device_key})
        others = ["phone", "face", "counter"]
        assert refused(asked, others) == (404, "card-not-offered")
        released = await client.post(f"{open_town.base}/releases", json=body)
        assert refused(released, others) == (404, "card-not-offered")
        enrolled = await client.post(f"{open_town.base}/face-enrolments", json=body)
        assert refused(enrolled) == (404, "card-not-offered")
        open_town.client = client
        verdict = await open_town.verdict((await open_town.letters())[HANAKO_ID])
        assert (await open_town.release_by_face(verdict)).status_code == 200
        # No list runs out where none is, and nobody is called for it.
        assert "revocation-lists" not in (await client.get("/statusz")).text
        assert "evote_auth_revocation" not in (await client.get("/metrics", auth=open_town.signed)).text


def test_somebody_can_come_in(auth_settings: AuthSettings) -> None:
    kept = auth_settings.model_dump()
    faces = ("face_order_key_file", "biometric_public_key_file", "voting_code_key_file")
    cards = ("ca_bundle_file", "crl_file")
    assert AuthSettings(**{**kept, **dict.fromkeys(cards)}).card_files() is None
    for missing in cards:
        with pytest.raises(ValidationError, match="set both ca_bundle_file and crl_file, or none"):
            AuthSettings(**{**kept, missing: None})
    with pytest.raises(ValidationError, match="nobody could come in"):
        AuthSettings(**{**kept, **dict.fromkeys((*cards, *faces))})
    with pytest.raises(ValidationError, match="responders tell of cards"):
        AuthSettings(**{**kept, **dict.fromkeys(cards), "ocsp_digital_signature_url": "https://ocsp.example"})


def test_the_keys_of_the_face_way_come_together_and_each_is_its_own(
    auth_settings: AuthSettings, tmp_path: Path
) -> None:
    kept = auth_settings.model_dump()
    for missing in ("face_order_key_file", "biometric_public_key_file", "voting_code_key_file"):
        with pytest.raises(ValidationError, match="all of"):
            AuthSettings(**{**kept, missing: None})
    private = auth_settings.face_order_key_file
    assert private is not None
    for name in ("biometric_public_key_file", "voting_code_key_file"):
        with pytest.raises(ValueError):
            auth_settings.model_copy(update={name: private}).face_keys()
