"""The stand-in of the phone's app as a program: a person chooses a card, and is sent back to the front."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from evote_auth.domain.phone import PhoneVisit
from evote_auth.domain.refusals import PhoneCodeRefused
from evote_auth.phone import signing_api
from evote_auth.phone.provider import PhoneProvider, PhoneSettings
from evote_jpki.authority import Person, TestAuthority, generate_card_keys
from evote_jpki.cardfile import save_card
from evote_jpki.certificates import parse_certificate
from evote_local.people.occasions import DeviceOccasion
from evote_local.stack.phone import PhoneStandIn
from evote_phone.id_token import verify_id_token
from evote_platform.clock import utc_now
from joserfc.jwk import ECKey, RSAKey

PERSON = Person("筑波花子", "つくば市研究学園一丁目１番地１", "1980-02-29", "2")
RETURN = "http://127.0.0.1:5173/phone"


def test_a_page_comes_back_by_the_state_that_a_browser_writes() -> None:
    vector = json.loads((Path(__file__).parents[3] / "tests/vectors/device/occasion.json").read_text())
    phone = vector["phone"]
    occasion, challenge_id = DeviceOccasion.of_phone_state(phone["state"])
    assert (occasion.election_uuid, challenge_id) == (vector["election_uuid"], vector["occasion_id"])
    assert occasion.device_key == vector["device_key"]
    assert occasion.phone_state(challenge_id) == phone["state"]
    assert occasion.phone_request(challenge_id, phone["code"])["device_request"] == phone["device_request"]


def account(standing: PhoneStandIn) -> PhoneSettings:
    """auth's, as its settings say."""
    said = standing.settings
    return PhoneSettings(
        said["EVOTE_PHONE_BASE_URL"],
        said["EVOTE_PHONE_ISSUER"],
        said["EVOTE_PHONE_CLIENT_ID"],
        "ES256",
        RETURN,
        ECKey.import_key(Path(said["EVOTE_PHONE_CLIENT_KEY_FILE"]).read_bytes()),
        RSAKey.import_key(Path(said["EVOTE_PHONE_DECRYPTION_KEY_FILE"]).read_bytes()),
    )


async def test_a_person_chooses_a_card_and_auths_client_gets_its_signature_for_the_code(tmp_path: Path) -> None:
    standing = PhoneStandIn(tmp_path / "phone", RETURN)
    settings = account(standing)
    card = TestAuthority(utc_now, secrets.token_bytes).issue_card(
        PERSON, generate_card_keys(), pin="1234", password="ABC123"
    )
    save_card(card, standing.cards / "hanako.card")
    standing.start()
    try:
        async with httpx.AsyncClient(timeout=50) as http:
            provider = PhoneProvider(http, settings, utc_now)
            visit = PhoneVisit("0" * 32, secrets.token_urlsafe(32), await provider.begin("a statement"))
            address = f"{provider.authorization_url(visit, 'a challenge')}&state=kept"
            assert "hanako" in (await http.get(address)).text
            without_state = await http.get(provider.authorization_url(visit, "a challenge"))
            assert without_state.status_code == 400
            sent_back = urlsplit((await http.post(address, data={"card": "hanako"})).headers["location"])
            assert f"{sent_back.scheme}://{sent_back.netloc}{sent_back.path}" == RETURN and not sent_back.query
            came_back = parse_qs(sent_back.fragment)
            assert came_back["state"] == ["kept"]
            (code,) = came_back["code"]
            answer = await provider.answer(visit, code)
            verify_id_token(answer.id_token, await provider.provider(), "a challenge", utc_now())
            parse_certificate(answer.signature_certificate).verify(answer.statement_signature, b"a statement")
            with pytest.raises(PhoneCodeRefused):
                await provider.answer(visit, code)
    finally:
        standing.stop()


def test_what_is_asked_to_be_signed_is_the_statements_digest() -> None:
    asked = signing_api.transaction_request("a statement")
    assert base64.b64decode(asked["digest"]) == hashlib.sha256(b"a statement").digest()
