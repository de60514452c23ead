"""Enrolment and verification over HTTP with real Kafka, PostgreSQL and worker processes; readings are spelled out."""

from __future__ import annotations

import asyncio
import json
from dataclasses import asdict, replace
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_biometric.domain.actions import Action
from evote_biometric.domain.attempts import ATTEMPTS_PER_ORDER, FREE_ATTEMPTS, PHOTOS_PER_ORDER
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import FaceEnrolled, FaceRejected, FaceVerified
from evote_face.statements import FacePurpose, FaceVerdict, verify_face_statement
from evote_statements.signed import sign_statement

from .conftest import acted, good_reading

pytestmark = pytest.mark.stack


def problem(response, status: int, slug: str) -> dict:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    document = response.json()
    assert document["type"] == f"urn:tsukuba-evote:problem:{slug}"
    assert document["other_ways"] == ["phone", "card", "counter"]
    assert "マイナンバーカード" in document["detail"]
    return document


async def test_the_enrolled_face_gets_a_verdict_that_auth_can_check(booth) -> None:
    enrolled = await booth.enrol()
    assert enrolled.status_code == 201, enrolled.text
    order = booth.order(FacePurpose.VERIFY)
    begun = await booth.begun(order)
    assert begun["attempts_left"] == ATTEMPTS_PER_ORDER - 1
    assert len(begun["instructions"]) == len(begun["actions"])
    response = await booth.send(begun, [json_of(reading) for reading in booth.act(begun)])
    assert response.status_code == 200, response.text
    verdict = verify_face_statement(
        FaceVerdict, response.json()["verdict"], booth.verdict_key.public_key(), booth.clock()
    )
    assert verdict.order_id == json.loads(order)["order_id"]
    assert (verdict.election_uuid, verdict.voter_ref) == (booth.uuid, booth.voter_ref)
    assert verdict.device_key == booth.device_key, "the one that auth gave the order to"
    (event,) = await booth.events(FaceVerified)
    assert event.verdict_id == verdict.verdict_id
    assert len(await booth.events(FaceEnrolled)) == 1
    problem(await booth.begin(order), 409, "order-used")


_frame_number = 0


def json_of(reading) -> bytes:
    """Each frame differs, as a camera's do."""
    global _frame_number
    _frame_number += 1
    return json.dumps({**asdict(reading), "picture_width": _frame_number}).encode()


async def rejected(booth, change) -> dict:
    """Begin, act, change the burst, send; the problem."""
    begun = await booth.begun()
    readings = change(booth.act(begun))
    response = await booth.send(begun, [json_of(reading) for reading in readings])
    return response.json() | {"http": response.status_code}


@pytest.mark.parametrize(
    ("change", "status", "reason"),
    [
        (lambda readings: [readings[0]] * 10, 403, "still-photo"),
        (lambda readings: readings[:2] + readings[4:] + readings[:2], 403, "wrong-actions"),
        (lambda readings: [replace(r, faces=2) for r in readings], 403, "several-faces"),
        (lambda readings: [replace(r, mouth_covered=0.9) for r in readings], 403, "face-covered"),
        (lambda readings: [replace(r, eyes_covered=0.9) for r in readings], 403, "eyes-covered"),
        (lambda readings: [replace(r, brightness=5.0) for r in readings], 422, "poor-pictures"),
        (lambda readings: [replace(r, genuineness=0.1) for r in readings], 403, "not-genuine"),
        (lambda readings: readings[:7], 422, "too-few-frames"),
    ],
)
async def test_each_presentation_is_refused_with_its_reason(booth, change, status: int, reason: str) -> None:
    await booth.enrol()
    document = await rejected(booth, change)
    assert (document["http"], document.get("reason")) == (status, reason), document
    assert document["attempts_left"] == ATTEMPTS_PER_ORDER - 1
    assert document["other_ways"] == ["phone", "card", "counter"]
    (event,) = await booth.events(FaceRejected)
    assert event.reason == reason
    assert await booth.events(FaceVerified) == []


async def test_another_person_is_refused(booth) -> None:
    await booth.enrol()
    document = problem(await booth.verify(person=2), 403, "face-refused")
    assert document["reason"] == "not-the-enrolled-face"


async def test_frames_that_were_sent_before_are_refused_at_every_replica(booth, replica) -> None:
    await booth.enrol()
    begun = await booth.begun()
    frames = [json_of(reading) for reading in booth.act(begun)]
    assert (await booth.send(begun, frames)).status_code == 200
    again = await booth.begun()
    booth.client = replica
    document = problem(await booth.send(again, frames), 409, "face-refused")
    assert document["reason"] == "replayed"


def encoded_anew(frames: list[bytes]) -> list[bytes]:
    """The same faces, a tenth darker, in files of other bytes."""
    changed = [json.loads(frame) for frame in frames]
    return [
        json.dumps(one | {"picture_width": 900 + number, "sketch": [round(c * 0.9) for c in one["sketch"]]}).encode()
        for number, one in enumerate(changed)
    ]


def of_other_moments(readings: list) -> list:
    """A sketch of its own for each frame."""
    return [replace(reading, sketch=good_reading().sketch) for reading in readings]


async def test_copies_of_frames_are_refused_at_every_replica_whatever_became_of_their_burst(booth, replica) -> None:
    await booth.enrol()
    begun = await booth.begun()
    await booth.app.state.service.pool.execute("UPDATE vault_verifications SET actions = '{blink,look-up,turn-left}'")
    # Every movement there is: whatever is asked next, a burst can be put together from this one's frames.
    film = {action: of_other_moments(acted([action])[2:4]) for action in Action}
    rest = of_other_moments([good_reading()] * 2)
    sent = [json_of(reading) for reading in rest + [one for pair in film.values() for one in pair]]
    assert (await booth.send(begun, sent)).json()["reason"] == "wrong-actions"

    def put_together(actions: list[str]) -> list[bytes]:
        asked = rest + [one for name in actions for one in film[Action(name)]]
        return encoded_anew([json_of(reading) for reading in asked])

    again = await booth.begun()
    booth.client = replica
    document = problem(await booth.send(again, put_together(again["actions"])), 409, "face-refused")
    assert document["reason"] == "replayed"

    another = await booth.begun()
    assert (await booth.send(another, [json_of(r) for r in of_other_moments(booth.act(another))])).status_code == 200


async def test_two_copies_of_a_burst_that_come_at_once_give_one_verdict(booth, replica) -> None:
    await booth.enrol()
    begun = [await booth.begun(), await booth.begun()]
    first = [json_of(reading) for reading in of_other_moments(booth.act(begun[0]))]
    await booth.app.state.service.pool.execute("UPDATE vault_verifications SET actions = $1", begun[0]["actions"])
    answers = await asyncio.gather(booth.send(begun[0], first), booth.send(begun[1], encoded_anew(first)))
    assert sorted(answer.status_code for answer in answers) == [200, 409]


async def test_what_the_version_before_notes_of_a_frame_keeps_no_burst_out(booth) -> None:
    await booth.enrol()
    await booth.app.state.service.pool.execute(
        "INSERT INTO vault_frames SELECT $1, d FROM unnest($2::bytea[]) d", booth.uuid, [b"1" * 32, b"2" * 32]
    )
    assert (await booth.verify()).status_code == 200


async def test_one_picture_many_times_is_refused(booth) -> None:
    await booth.enrol()
    begun = await booth.begun()
    document = problem(await booth.send(begun, [json_of(booth.act(begun)[0])] * 10), 409, "face-refused")
    assert document["reason"] == "replayed"


async def test_a_verification_is_good_for_one_burst_of_its_own_in_time(booth) -> None:
    await booth.enrol()
    begun = await booth.begun()
    frames = [json_of(reading) for reading in booth.act(begun)]
    problem(await booth.send({**begun, "verification_id": "0" * 32}, frames), 404, "verification-unknown")
    problem(await booth.send({**begun, "nonce": "0" * 32}, frames), 409, "nonce-wrong")
    problem(await booth.send(begun, frames), 409, "verification-used")
    late = await booth.begun()
    booth.clock.moved += timedelta(minutes=3)
    problem(await booth.send(late, [json_of(r) for r in booth.act(late)]), 409, "verification-expired")


async def test_two_bursts_at_once_for_two_verifications_of_one_order_give_one_verdict(booth, replica) -> None:
    await booth.enrol()
    order = booth.order(FacePurpose.VERIFY)
    begun = [await booth.begun(order), await booth.begun(order)]
    answers = await asyncio.gather(
        *(booth.send(one, [json_of(reading) for reading in booth.act(one)]) for one in begun)
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert len(await booth.events(FaceVerified)) == 1


async def test_attempts_of_an_order_end_over_all_replicas(booth, replica) -> None:
    await booth.enrol()
    order = booth.order(FacePurpose.VERIFY)
    first = booth.client
    for number in range(ATTEMPTS_PER_ORDER):
        booth.client = (first, replica)[number % 2]
        assert (await booth.begin(order)).status_code == 201
    problem(await booth.begin(order), 409, "no-attempts-left")


async def test_a_voter_who_tries_again_and_again_waits_and_is_never_locked_out(booth) -> None:
    await booth.enrol()
    for _ in range(FREE_ATTEMPTS):
        assert (await booth.begin()).status_code == 201
    response = await booth.begin()
    problem(response, 429, "too-many-attempts")
    assert int(response.headers["retry-after"]) <= 60
    booth.clock.moved += timedelta(seconds=61)
    assert (await booth.verify()).status_code == 200
    assert (await booth.begin()).status_code == 201  # a success forgets the failures


async def test_orders_are_checked(booth) -> None:
    await booth.enrol()
    now = booth.clock()
    problem(await booth.begin("{}"), 422, "malformed-order")
    mine, booth.auth_key = booth.auth_key, Ed25519PrivateKey.generate()
    problem(await booth.begin(), 403, "bad-order-signature")
    booth.auth_key = mine
    old = booth.order(FacePurpose.VERIFY, issued_at=now - timedelta(hours=1), expires_at=now - timedelta(minutes=50))
    problem(await booth.begin(old), 409, "order-expired")
    problem(await booth.begin(booth.order(FacePurpose.ENROL)), 409, "order-for-other-purpose")
    problem(await booth.enrol(order=booth.order(FacePurpose.VERIFY)), 409, "order-for-other-purpose")
    problem(await booth.begin(booth.order(FacePurpose.VERIFY, voter_ref="0" * 32)), 404, "face-not-enrolled")
    verdict = FaceVerdict(
        election_uuid=booth.uuid,
        voter_ref=booth.voter_ref,
        issued_at=now,
        expires_at=now + timedelta(minutes=1),
        order_id="0" * 32,
        verdict_id="0" * 32,
        device_key=booth.device_key,
    )
    problem(await booth.begin(sign_statement(verdict, booth.auth_key)), 422, "malformed-order")


async def test_a_bad_photo_says_what_to_change_and_another_one_may_follow(booth, reading) -> None:
    order = booth.order(FacePurpose.ENROL)
    dark = replace(reading, brightness=10.0, sharpness=10.0)
    document = problem(await booth.enrol(json_of(dark), order), 422, "photo-quality")
    assert [fault["code"] for fault in document["faults"]] == ["blurred", "too-dark"]
    assert all(fault["text"] for fault in document["faults"])
    assert (await booth.enrol(json_of(reading), order)).status_code == 201
    problem(await booth.enrol(json_of(reading), order), 409, "order-used")


async def test_photos_for_one_order_end(booth, reading) -> None:
    order = booth.order(FacePurpose.ENROL)
    for _ in range(PHOTOS_PER_ORDER):
        problem(await booth.enrol(json_of(replace(reading, faces=0)), order), 422, "photo-quality")
    problem(await booth.enrol(json_of(reading), order), 409, "no-attempts-left")


async def test_a_new_enrolment_takes_the_place_of_the_old_one(booth, reading, person) -> None:
    await booth.enrol()
    await booth.enrol(json_of(replace(reading, template=person(2))))
    assert (await booth.verify(person=2)).status_code == 200
    problem(await booth.verify(person=1), 403, "face-refused")


async def test_a_refusal_that_every_service_shares_names_the_other_ways_too(booth) -> None:
    response = await booth.client.post("/verifications", json={"unknown": 1})
    assert response.status_code == 422
    assert response.json()["other_ways"] == ["phone", "card", "counter"]


async def test_what_is_no_picture_is_refused_by_its_kind(booth) -> None:
    await booth.enrol()
    problem(await booth.enrol(b"no picture"), 422, "picture-unreadable")
    problem(await booth.enrol(content_type="image/gif"), 415, "unsupported-media-type")
    problem(await booth.enrol(b"x" * (12 * 1024 * 1024 + 1)), 413, "picture-too-large")
    assert (await booth.enrol(b"x" * (25 * 1024 * 1024))).status_code == 413
    begun = await booth.begun()
    problem(await booth.send(begun, [b"x"] * 8, content_type="video/mp4"), 415, "unsupported-media-type")
    problem(await booth.send(begun, [b"x" * (768 * 1024 + 1)] * 8), 413, "picture-too-large")
    problem(await booth.send(begun, [b"x"] * 8, times_ms=[1, 2]), 422, "invalid-part")
    problem(await booth.client.post("/enrolments", json={}), 415, "unsupported-media-type")
    broken = {"content-type": "multipart/form-data; boundary=x"}
    problem(await booth.client.post("/enrolments", content=b"--y", headers=broken), 400, "malformed-multipart")
    # None of these reached the verification, which is still good.
    assert (await booth.send(begun, [json_of(r) for r in booth.act(begun)])).status_code == 200


async def test_no_verdict_leaves_while_the_log_is_away_and_the_attempt_is_given_back(booth, monkeypatch) -> None:
    await booth.enrol()
    order = booth.order(FacePurpose.VERIFY)
    begun = await booth.begun(order)
    producer = booth.app.state.service.producer
    publish = producer.publish

    async def away(*_: object, **__: object) -> None:
        raise LogUnavailable("away")

    monkeypatch.setattr(producer, "publish", away)
    response = await booth.send(begun, [json_of(reading) for reading in booth.act(begun)])
    problem(response, 503, "log-unavailable")
    assert "retry-after" in response.headers
    monkeypatch.setattr(producer, "publish", publish)
    again = await booth.begun(order)
    assert again["attempts_left"] == ATTEMPTS_PER_ORDER - 1
    assert (await booth.send(again, [json_of(reading) for reading in booth.act(again)])).status_code == 200
