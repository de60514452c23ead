"""Each release is for the device that began it: attacks by those who see or change everything on its way."""

from __future__ import annotations

import base64
import json
import secrets
from datetime import timedelta

import pytest
from evote_device.keys import parse_device_key
from evote_device.requests import EnrolmentRequested, Occasion, ReleaseRequested
from evote_device.sealing import Contents, SealBroken, seal
from evote_eventlog.events import CredentialReleased
from evote_local.people.occasions import DeviceOccasion, LyingService

from .conftest import order_of
from .face_way import HANAKO, HANAKO_ID, ICHIRO
from .test_release import slug

pytestmark = pytest.mark.stack


async def test_biometric_can_not_redeem_its_own_verdict(open_town) -> None:
    """It sees the order, signs whatever it likes, and makes devices of its own; it has not the voter's private key."""
    voters = DeviceOccasion(open_town.uuid)
    response = await open_town.face_order((await open_town.letters())[HANAKO_ID], voters)
    order = response.json()["order"]
    biometrics = DeviceOccasion(open_town.uuid)
    honest = open_town.biometric.verdict(order, open_town.clock())
    about_its_own = open_town.biometric.verdict(order, open_town.clock(), device_key=biometrics.device_key)
    for verdict, refusal in (
        (honest, (403, "bad-device-signature")),
        (about_its_own, (403, "verdict-of-another-device")),
    ):
        body = biometrics.face_request(order_of(order), verdict)
        answer = await open_town.client.post(f"{open_town.base}/face-releases", json=body)
        assert (answer.status_code, slug(answer)) == refusal
    assert await open_town.events(CredentialReleased) == [] and await open_town.evidence() == []
    # What it tried has spent nothing: the voter's device gets the credential, and biometric, shown the answer, nothing.
    body = voters.face_request(order_of(order), honest)
    answer = await open_town.client.post(f"{open_town.base}/face-releases", json=body)
    assert answer.status_code == 200, answer.text
    with pytest.raises(SealBroken):
        biometrics.credential(answer.json(), order_of(order))
    assert voters.credential(answer.json(), order_of(order)) == await open_town.released(open_town.card(HANAKO))


async def test_who_ends_tls_can_not_have_a_card_sign_for_its_own_device(open_town) -> None:
    """It asks for a challenge with a key of its own. The device sees that; and what a card signed for one key does not
    hold for another."""
    voters, thief = DeviceOccasion(open_town.uuid), DeviceOccasion(open_town.uuid)
    for_thief, for_voter = await open_town.challenge(thief), await open_town.challenge(voters)
    with pytest.raises(LyingService):
        voters.check_challenge(for_thief)
    own = {name: for_thief[name].replace(thief.device_key, voters.device_key) for name in for_thief}
    voters.check_challenge(own)  # texts that the thief has written anew: the voter's card signs them
    signed = open_town.sign(open_town.card(HANAKO), own)
    answer = await open_town.send(thief.card_request(signed))
    assert (answer.status_code, slug(answer)) == (403, "bad-challenge-signature")
    # The thief takes over what the voter's device sends, and asks for it to be sealed to itself.
    signed = open_town.sign(open_town.card(HANAKO), for_voter)
    for request in (
        thief.card_request(signed),
        {**signed, "device_request": thief.card_request(signed)["device_request"]},
    ):
        answer = await open_town.send({**request, "challenge_id": for_voter["challenge_id"]})
        assert answer.status_code in (403, 409) and "sealed_credential" not in answer.json()
    assert await open_town.events(CredentialReleased) == []


async def test_no_face_is_shown_for_an_order_that_names_another_device(open_town) -> None:
    """Whoever ends TLS can ask for an order with a key of its own, and hand that to the voter's device."""
    thief = DeviceOccasion(open_town.uuid)
    order = (await open_town.face_order((await open_town.letters())[HANAKO_ID], thief)).json()["order"]
    with pytest.raises(LyingService):
        DeviceOccasion(open_town.uuid).check_order(order)
    # auth takes no verdict on it from anybody else than the device that it names.
    voters = DeviceOccasion(open_town.uuid)
    verdict = open_town.biometric.verdict(order, open_town.clock())
    body = voters.face_request(order_of(order), verdict)
    answer = await open_town.client.post(f"{open_town.base}/face-releases", json=body)
    assert (answer.status_code, slug(answer)) == (403, "bad-device-signature")


async def test_who_ends_tls_reads_no_typed_code_and_gets_no_order_with_it(open_town) -> None:
    """With an order of its own for the voter's code it could have biometric judge the voter's frames for its device."""
    code = (await open_town.letters())[HANAKO_ID]
    voters, thief = DeviceOccasion(open_town.uuid), DeviceOccasion(open_town.uuid)
    sent = voters.order_request(code, open_town.code_key)
    assert code not in json.dumps(sent) and code.encode() not in base64.b64decode(sent["sealed_voting_code"])
    url = f"{open_town.base}/face-orders"
    answer = await open_town.client.post(url, json={**sent, "device_key": thief.device_key})
    assert (answer.status_code, slug(answer)) == (422, "sealed-code-unreadable")
    # To the voter's own device it may send it again; nothing on that order is worth anything to it.
    order = (await open_town.client.post(url, json=sent)).json()["order"]
    voters.check_order(order)
    # In another election the code is nobody's, and the seal does not open.
    here = open_town.base
    await open_town.prepare(HANAKO)
    assert here != open_town.base
    answer = await open_town.client.post(f"{open_town.base}/face-orders", json=sent)
    assert (answer.status_code, slug(answer)) == (422, "sealed-code-unreadable")


async def test_who_sees_every_answer_can_not_read_a_credential_or_a_code(open_town) -> None:
    card, challenge = open_town.card(HANAKO), await open_town.challenge()
    answer = await open_town.send(open_town.sign(card, challenge))
    credential = open_town.credential(answer, challenge["challenge_id"])
    second = await open_town.challenge()
    body = open_town.sign(card, second, EnrolmentRequested)
    enrolled = await open_town.client.post(f"{open_town.base}/face-enrolments", json=body)
    code = open_town.occasions[second["challenge_id"]].voting_code(enrolled.json(), second["challenge_id"])
    for secret, seen in ((credential, answer), (code, enrolled)):
        assert secret not in seen.text and base64.b64encode(secret.encode()).decode() not in seen.text
    sealed = base64.b64decode(answer.json()["sealed_credential"])
    assert credential.encode() not in sealed


async def test_a_request_of_one_kind_is_not_taken_for_the_other(open_town) -> None:
    """Else whoever ends TLS could enrol a face with what a voter signed to vote, or the other way round."""
    for kind, path in ((EnrolmentRequested, "releases"), (ReleaseRequested, "face-enrolments")):
        body = open_town.sign(open_town.card(HANAKO), await open_town.challenge(), kind)
        answer = await open_town.client.post(f"{open_town.base}/{path}", json=body)
        assert (answer.status_code, slug(answer)) == (422, "malformed-device-request")


async def test_a_request_of_another_devices_challenge_is_refused(open_town) -> None:
    card = open_town.card(HANAKO)
    first, second = await open_town.challenge(), await open_town.challenge()
    mine = open_town.occasions[first["challenge_id"]]
    body = mine.card_request(
        {name: part for name, part in open_town.sign(card, second).items() if name != "device_request"}
    )
    answer = await open_town.send(body)
    assert (answer.status_code, slug(answer)) == (403, "bad-device-signature")


async def test_another_persons_card_can_not_be_put_into_a_devices_request(open_town) -> None:
    """Else the voter would vote under an accomplice's credential, and the accomplice would supersede the vote."""
    challenge = await open_town.challenge()
    body = open_town.sign(open_town.card(HANAKO), challenge)
    accomplices = open_town.sign(open_town.card(ICHIRO), challenge)
    answer = await open_town.send({**accomplices, "device_request": body["device_request"]})
    assert (answer.status_code, slug(answer)) == (403, "device-request-differs")
    assert answer.json()["member"] == "proof_sha256"


async def test_a_request_that_moved_to_another_election_is_refused(open_town) -> None:
    occasion = DeviceOccasion(open_town.uuid)
    challenge = await open_town.challenge(occasion)
    signed = open_town.sign(open_town.card(HANAKO), challenge)
    elsewhere = DeviceOccasion("1" * 14, occasion.keys)
    proof = {name: part for name, part in signed.items() if name != "device_request"}
    answer = await open_town.send(elsewhere.card_request(proof))
    assert (answer.status_code, slug(answer)) == (403, "device-request-differs")


async def test_the_same_request_after_a_lost_answer_gets_the_credential_sealed_anew(open_town, replica) -> None:
    challenge = await open_town.challenge()
    body = open_town.sign(open_town.card(HANAKO), challenge)
    first = await open_town.send(body)
    again = await replica.post(f"{open_town.base}/releases", json=body)
    credentials = [open_town.credential(answer, challenge["challenge_id"]) for answer in (first, again)]
    assert credentials[0] == credentials[1]
    assert first.json()["sealed_credential"] != again.json()["sealed_credential"]
    assert len(await open_town.events(CredentialReleased)) == len(await open_town.evidence()) == 2
    # With anything else in it, it is another request, and the challenge is used.
    other = open_town.changed(body, statement_signature=body["challenge_signature"])
    assert slug(await open_town.send(other)) == "challenge-replayed"
    open_town.clock.moved = timedelta(minutes=6)
    assert slug(await open_town.send(body)) == "challenge-expired"


async def test_evidence_names_the_device_and_holds_what_it_signed(open_town) -> None:
    challenge = await open_town.challenge()
    body = open_town.sign(open_town.card(HANAKO), challenge)
    assert (await open_town.send(body)).status_code == 200
    verdict = await open_town.verdict((await open_town.letters())[HANAKO_ID])
    assert (await open_town.release_by_face(verdict)).status_code == 200
    by_card, by_face = await open_town.evidence()
    assert by_card["device_request"] == body["device_request"]
    key = open_town.occasions[challenge["challenge_id"]].device_key
    assert key in by_card["challenge"] and key in by_card["release_statement"]
    assert by_face["device_request"] == open_town.asked_by_face(verdict)["device_request"]
    key = open_town.occasions[order_of(verdict)].device_key
    assert json.loads(by_face["verdict"])["device_key"] == json.loads(by_face["device_request"])["device_key"] == key


async def test_a_challenge_or_an_order_of_before_devices_releases_nothing(open_town) -> None:
    """The release before gave them out without a key; whoever saw the answer to one could send it."""
    challenge = await open_town.challenge()
    body = open_town.sign(open_town.card(HANAKO), challenge)
    verdict = await open_town.verdict((await open_town.letters())[HANAKO_ID])
    async with open_town.app.state.service.pool.acquire() as connection:
        await connection.execute("UPDATE vault_challenges SET device_key = NULL")
        await connection.execute("UPDATE vault_face_orders SET device_key = NULL")
    assert slug(await open_town.send(body)) == "challenge-unknown"
    assert slug(await open_town.release_by_face(verdict)) == "face-order-unknown"


@pytest.mark.parametrize(
    "sealing",
    [
        bytes(32),
        b"\x01" + bytes(31),
        bytes.fromhex("e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800"),
        bytes.fromhex("ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f"),
    ],
)
async def test_no_challenge_and_no_order_is_given_for_a_key_that_anybody_can_open(open_town, sealing: bytes) -> None:
    honest = DeviceOccasion(open_town.uuid).keys.public
    raw = honest.signing.public_bytes_raw() + sealing
    weak = "ed25519-x25519:" + base64.urlsafe_b64encode(raw).decode().rstrip("=")
    code = (await open_town.letters())[HANAKO_ID]
    sealed = DeviceOccasion(open_town.uuid).order_request(code, open_town.code_key)
    for path, body in (("challenges", {}), ("face-orders", sealed)):
        answer = await open_town.client.post(f"{open_town.base}/{path}", json={**body, "device_key": weak})
        assert (answer.status_code, slug(answer)) == (422, "invalid-request")


def test_what_was_sealed_for_another_occasion_does_not_open() -> None:
    """Whoever ends TLS can't hand one answer out as another's, even to the same keys."""
    device = DeviceOccasion("1" * 14)
    key = parse_device_key(device.device_key)
    number = secrets.token_hex(16)
    held = seal(Contents.CREDENTIAL, "secret", Occasion("1" * 14, number, key))
    assert device.credential({"sealed_credential": held}, number) == "secret"
    for contents, occasion in (
        (Contents.CREDENTIAL, Occasion("1" * 14, "0" * 32, key)),
        (Contents.CREDENTIAL, Occasion("2" * 14, number, key)),
        (Contents.VOTING_CODE, Occasion("1" * 14, number, key)),
    ):
        with pytest.raises(SealBroken):
            device.credential({"sealed_credential": seal(contents, "secret", occasion)}, number)
    for broken in (held[:-8], held[:20] + ("A" if held[20] != "A" else "B") + held[21:], "", "?", held + "AAAA"):
        with pytest.raises(SealBroken):
            device.credential({"sealed_credential": broken}, number)
