"""Voters who hold their card to a phone, by a stand-in of マイナアプリ's provider; and who would like to be them."""

from __future__ import annotations

import asyncio
import secrets
import threading
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlencode, urlsplit

import httpx
import pytest
import uvicorn
from evote_auth.domain.phone import PhoneAnswer, PhoneVisit
from evote_auth.metrics import Way
from evote_auth.settings import AuthSettings
from evote_device.sealing import SealBroken
from evote_eventlog.events import CredentialReleased, VoterAuthenticated
from evote_jpki.certificates import parse_certificate
from evote_jpki.emulator import EmulatedCard
from evote_local.nodes.phone_provider import CardFolder, PhoneProvider, RegisteredClient, phone_app
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.people.occasions import DeviceOccasion, LyingService
from evote_local.testbed import MovableClock, Watch, eventually
from evote_platform import turns
from joserfc import jwt
from joserfc.jwk import ECKey, RSAKey

from .conftest import Town
from .face_way import HANAKO, ICHIRO

pytestmark = pytest.mark.stack

CLIENT, RETURN = "tsukuba", "https://vote.example.jp/phone"
OTHER_WAYS = ["card", "face", "counter"]


class Lying(PhoneProvider):
    """A provider that says what a test wants it to say."""

    def __init__(self, base_url: str, client: RegisteredClient, clock: MovableClock) -> None:
        super().__init__(base_url, client, clock)
        self.claimed: dict[str, Any] = {}
        self.signer: EmulatedCard | None = None
        self.digest: bytes | None = None
        self.forged: ECKey | None = None

    def claims(self, nonce: str, card: EmulatedCard) -> dict[str, Any]:
        return {**super().claims(nonce, card), **self.claimed}

    def id_token(self, nonce: str, card: EmulatedCard) -> str:
        if self.forged is None:
            return super().id_token(nonce, card)
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, self.claims(nonce, card), self.forged)

    def signed(self, digest: bytes, card: EmulatedCard) -> tuple[bytes, bytes]:
        return super().signed(self.digest or digest, self.signer or card)


@dataclass(frozen=True)
class Account:
    """auth's keys at the provider."""

    assertion: ECKey
    decryption: RSAKey


@pytest.fixture(scope="module")
def account() -> Account:
    return Account(ECKey.generate_key("P-256", private=True), RSAKey.generate_key(2048, private=True))


@pytest.fixture
def provider(account: Account, clock: MovableClock, tmp_path: Path) -> Iterator[Lying]:
    port = free_port()
    client = RegisteredClient(
        CLIENT,
        RETURN,
        ECKey.import_key(account.assertion.as_dict(private=False)),
        RSAKey.import_key(account.decryption.as_dict(private=False)),
    )
    provider = Lying(f"http://{LOOPBACK}:{port}", client, clock)
    server = uvicorn.Server(
        uvicorn.Config(phone_app(provider, CardFolder(tmp_path)), LOOPBACK, port, log_level="error")
    )
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield provider
    server.should_exit = True
    thread.join()


@pytest.fixture
def auth_settings(auth_settings: AuthSettings, provider: Lying, account: Account, tmp_path: Path) -> AuthSettings:
    assertion, decryption = tmp_path / "client-key.pem", tmp_path / "decryption-key.pem"
    assertion.write_bytes(account.assertion.as_pem(private=True))
    decryption.write_bytes(account.decryption.as_pem(private=True))
    named = {
        "phone_base_url": provider.base_url,
        "phone_issuer": provider.issuer,
        "phone_client_id": CLIENT,
        "phone_algorithm": "ES256",
        "phone_client_key_file": assertion,
        "phone_decryption_key_file": decryption,
        "phone_redirect_uri": RETURN,
    }
    return AuthSettings(**{**auth_settings.model_dump(), **named})


async def begin(town: Town, occasion: DeviceOccasion | None = None) -> tuple[DeviceOccasion, dict[str, str]]:
    """A page that sends its voter to the app: its device, and what auth answered."""
    occasion = occasion or DeviceOccasion(town.uuid)
    response = await town.client.post(f"{town.base}/phone-visits", json={"device_key": occasion.device_key})
    assert response.status_code == 201, response.text
    occasion.check_challenge(response.json())
    return occasion, response.json()


def held(provider: PhoneProvider, visit: dict[str, str], state: str, card: EmulatedCard) -> dict[str, str]:
    """What comes back to the front: the address that the browser is sent to is all that passes between both pages."""
    asked = dict(parse_qsl(urlsplit(f"{visit['authorization_url']}&{urlencode({'state': state})}").query))
    returned = urlsplit(provider.authorize(asked, card))
    assert f"{returned.scheme}://{returned.netloc}{returned.path}" == RETURN and not returned.query
    return {name: value for name, (value,) in parse_qs(returned.fragment).items()}


async def returned(town: Town, provider: PhoneProvider, card: EmulatedCard) -> tuple[dict[str, str], DeviceOccasion]:
    """A way to the app and back: what the page sends to auth, made in another browser of the address alone."""
    occasion, visit = await begin(town)
    came_back = held(provider, visit, occasion.phone_state(visit["challenge_id"]), card)
    again, challenge_id = DeviceOccasion.of_phone_state(came_back["state"])
    return again.phone_request(challenge_id, came_back["code"]), again


async def send(town: Town, body: dict[str, str]) -> httpx.Response:
    return await town.client.post(f"{town.base}/phone-releases", json=body)


def refused(response: httpx.Response) -> tuple[int, str]:
    """Status and type of a refusal, which always tells the other ways."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    assert response.json()["other_ways"] == OTHER_WAYS
    return response.status_code, response.json()["type"].rsplit(":", 1)[-1]


async def released(town: Town, provider: PhoneProvider, card: EmulatedCard) -> str:
    """The credential that a voter gets who holds this card to a phone."""
    body, occasion = await returned(town, provider, card)
    response = await send(town, body)
    assert response.status_code == 200, response.text
    # What the voter is asked: is this you? It is the signer's name, whoever logged in.
    signer = provider.signer or card
    attributes = parse_certificate(signer.slots[1].certificate).attributes
    assert attributes is not None
    assert occasion.holder(response.json(), body["challenge_id"]) == attributes.name
    return occasion.credential(response.json(), body["challenge_id"])


async def nothing_was_released(town: Town) -> bool:
    return await town.events(CredentialReleased) == [] and await town.evidence() == []


async def test_a_voter_who_returns_into_another_browser_gets_the_credential_that_the_card_in_a_reader_gets(
    open_town: Town, provider: Lying
) -> None:
    card = open_town.card(HANAKO)
    credential = await released(open_town, provider, card)
    assert credential == await open_town.released(card)
    assert credential == await released(open_town, provider, card)
    assert {event.method for event in await open_town.events(VoterAuthenticated)} == {"card"}
    assert [content["card_changes"] for content in await open_town.evidence()] == [[], [], []]


async def test_a_slow_provider_turns_nobody_away(
    open_town: Town, provider: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, service, answers, waiting = Watch(), open_town.app.state.service, asyncio.Event(), list[str]()
    monkeypatch.setattr(turns, "arrived", watch.arrived)
    door = service.doors[Way.PHONE] = watch.door(2)

    class Slow(type(service.phone)):
        async def answer(self, visit: PhoneVisit, code: str) -> PhoneAnswer:
            waiting.append(code)
            await answers.wait()
            return await super().answer(visit, code)

    open_town.app.state.service = replace(
        service, phone=Slow(service.phone.http, service.phone.settings, service.clock)
    )
    card = open_town.card(HANAKO)
    asked = [await returned(open_town, provider, card) for _ in range(6)]
    sent = [asyncio.create_task(send(open_town, body)) for body, _ in asked]

    async def all_wait() -> bool:
        return len(waiting) == len(sent) or any(task.done() for task in sent)

    await eventually(all_wait)
    assert (len(waiting), door.inside, door.waiting) == (6, 0, 0)
    answers.set()
    found = set()
    for (body, occasion), answer in zip(asked, await asyncio.gather(*sent), strict=True):
        assert answer.status_code == 200, answer.text
        found.add(occasion.credential(answer.json(), body["challenge_id"]))
    assert (len(found), door.inside) == (1, 0)


async def test_who_is_turned_away_with_a_code_that_ages_is_told_to_come_again_soon(
    open_town: Town, provider: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    watch, doors = Watch(), open_town.app.state.service.doors
    monkeypatch.setattr(turns, "arrived", watch.arrived)
    doors[Way.PHONE], doors[Way.CARD] = watch.door(1), watch.door(1)
    body, occasion = await returned(open_town, provider, open_town.card(HANAKO))
    for way in (Way.PHONE, Way.CARD):
        doors[way]._appointments._last = watch.now + 600  # so many were told to come again
    async with doors[Way.PHONE].turn(watch.now), doors[Way.CARD].turn(watch.now):
        monkeypatch.setattr(turns, "arrived", lambda _: watch.now - watch.longest_s - 1)
        by_phone = await send(open_town, body)
        by_card = await open_town.client.post(f"{open_town.base}/releases", json={})
    assert refused(by_phone) == (503, "overloaded")
    assert int(by_phone.headers["Retry-After"]) <= 5 < int(by_card.headers["Retry-After"])
    monkeypatch.setattr(turns, "arrived", watch.arrived)
    assert occasion.credential((await send(open_town, body)).json(), body["challenge_id"])


async def test_the_same_request_gets_its_lost_answer_again_and_another_browsers_does_not(
    open_town: Town, provider: Lying, replica: httpx.AsyncClient
) -> None:
    body, occasion = await returned(open_town, provider, open_town.card(HANAKO))
    first = await send(open_town, body)
    again = await replica.post(f"{open_town.base}/phone-releases", json=body)
    assert first.json() != again.json()
    opened = {occasion.credential(answer.json(), body["challenge_id"]) for answer in (first, again)}
    assert len(opened) == 1
    other = DeviceOccasion(open_town.uuid).phone_request(body["challenge_id"], body["code"])
    assert refused(await send(open_town, other)) == (409, "challenge-replayed")


async def test_who_reads_what_goes_to_auth_can_neither_redeem_the_code_nor_open_the_answer(
    open_town: Town, provider: Lying
) -> None:
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    thief = DeviceOccasion(open_town.uuid)
    stolen = thief.phone_request(body["challenge_id"], body["code"])
    assert refused(await send(open_town, stolen)) == (403, "bad-device-signature")
    assert await nothing_was_released(open_town)
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    with pytest.raises(SealBroken):
        thief.credential((await send(open_town, body)).json(), body["challenge_id"])
    with pytest.raises(SealBroken):
        thief.holder((await send(open_town, body)).json(), body["challenge_id"])


async def test_a_code_is_good_once_and_for_its_own_visit(open_town: Town, provider: Lying) -> None:
    spent, _ = await returned(open_town, provider, open_town.card(HANAKO))
    assert (await send(open_town, spent)).status_code == 200
    for code in (spent["code"], "invented"):
        occasion, visit = await begin(open_town)
        assert refused(await send(open_town, occasion.phone_request(visit["challenge_id"], code))) == (
            403,
            "phone-code-refused",
        )
    others, _ = await returned(open_town, provider, open_town.card(ICHIRO))
    occasion, visit = await begin(open_town)
    moved = occasion.phone_request(visit["challenge_id"], others["code"])
    assert refused(await send(open_town, moved)) == (403, "phone-code-refused"), "another verifier (RFC 7636)"
    assert len(await open_town.events(CredentialReleased)) == 1


async def test_a_visit_of_another_election_or_another_way_is_refused(open_town: Town, provider: Lying) -> None:
    challenge = await open_town.challenge()
    by_card = open_town.occasions[challenge["challenge_id"]].phone_request(challenge["challenge_id"], "code")
    assert refused(await send(open_town, by_card)) == (404, "phone-visit-unknown")
    unknown = DeviceOccasion(open_town.uuid).phone_request(secrets.token_hex(16), "code")
    assert refused(await send(open_town, unknown)) == (404, "phone-visit-unknown")
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    await open_town.prepare(HANAKO)
    assert refused(await send(open_town, body)) == (409, "wrong-election")
    for state in ("", "a.b", "a.b.c", body["challenge_id"]):
        with pytest.raises(LyingService):
            DeviceOccasion.of_phone_state(state)


async def test_a_voter_who_takes_too_long_begins_again(open_town: Town, provider: Lying) -> None:
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    open_town.clock.moved = timedelta(minutes=2)
    assert refused(await send(open_town, body)) == (403, "phone-code-refused")
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    open_town.clock.moved += timedelta(minutes=11)
    assert refused(await send(open_town, body)) == (409, "challenge-expired")
    assert await nothing_was_released(open_town)


@pytest.mark.parametrize(
    "claimed",
    [
        {"nonce": "of another attempt"},
        {"aud": "another client"},
        {"aud": [CLIENT, "another client"]},
        {"iss": "https://elsewhere.example/realms/main"},
        {"exp": 1},
        {"nonce": None},
    ],
    ids=str,
)
async def test_an_id_token_that_is_not_about_this_attempt_releases_nothing(
    open_town: Town, provider: Lying, claimed: dict[str, Any]
) -> None:
    provider.claimed = claimed
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    assert refused(await send(open_town, body)) == (403, "phone-identity-refused")
    assert await nothing_was_released(open_town)


async def test_an_id_token_that_another_key_signed_releases_nothing(open_town: Town, provider: Lying) -> None:
    provider.forged = ECKey.generate_key("P-256", private=True)
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    assert refused(await send(open_town, body)) == (403, "phone-identity-refused")
    assert await nothing_was_released(open_town)


async def test_a_signature_under_another_statement_releases_nothing(open_town: Town, provider: Lying) -> None:
    provider.digest = secrets.token_bytes(32)
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))
    assert refused(await send(open_town, body)) == (403, "bad-statement-signature")
    assert await nothing_was_released(open_town)


async def test_a_revoked_card_is_refused_by_phone_too(open_town: Town, provider: Lying) -> None:
    card = open_town.card(HANAKO)
    open_town.authority.revoke(card.slots[1].certificate)
    open_town.settings.crl_file.write_bytes(open_town.authority.crl_pem())
    open_town.trust().refresh()
    body, _ = await returned(open_town, provider, card)
    assert refused(await send(open_town, body)) == (403, "certificate-revoked")


async def test_who_signs_is_who_gets_the_credential_whoever_logged_in(open_town: Town, provider: Lying) -> None:
    """Open, and said so in the threat model: nothing ties the ID token's person to the certificate of the signature."""
    hanakos, ichiros = open_town.card(HANAKO), open_town.card(ICHIRO)
    provider.signer = ichiros
    logged_in_as_hanako = await released(open_town, provider, hanakos)
    provider.signer = None
    assert logged_in_as_hanako == await released(open_town, provider, ichiros)
    assert logged_in_as_hanako != await released(open_town, provider, hanakos)


async def test_a_renewed_card_by_phone_needs_the_old_signature_certificate_to_have_ended(
    open_town: Town, provider: Lying
) -> None:
    old = open_town.card(HANAKO)
    credential = await released(open_town, provider, old)
    second = open_town.card(HANAKO)
    body, _ = await returned(open_town, provider, second)
    assert refused(await send(open_town, body)) == (403, "card-mismatch"), "an officer decides between two valid cards"
    renewed = open_town.authority.renew_card(old, HANAKO, open_town.keys)
    open_town.settings.crl_file.write_bytes(open_town.authority.crl_pem())
    open_town.trust().refresh()
    assert credential == await released(open_town, provider, renewed)
    # The card itself completes the pair that the phone had begun; the old one takes nothing back.
    assert credential == await open_town.released(renewed)
    assert credential == await released(open_town, provider, renewed)


async def test_a_lost_card_is_refused_by_phone_too(open_town: Town, provider: Lying) -> None:
    card = open_town.card(HANAKO)
    await released(open_town, provider, card)
    response = await open_town.officer("voters/000001/card-block", reason="紛失の届け出")
    assert response.is_success, response.text
    body, _ = await returned(open_town, provider, card)
    assert refused(await send(open_town, body)) == (403, "card-blocked")


async def test_without_the_provider_nothing_is_released_and_the_voter_is_told_to_come_back(
    open_town: Town, provider: Lying, monkeypatch: pytest.MonkeyPatch
) -> None:
    occasion = DeviceOccasion(open_town.uuid)
    body, _ = await returned(open_town, provider, open_town.card(HANAKO))

    def broken(*_: object) -> dict[str, Any]:
        raise RuntimeError

    monkeypatch.setattr(provider, "tokens", broken)
    begun = await open_town.client.post(f"{open_town.base}/phone-visits", json={"device_key": occasion.device_key})
    for response in (begun, await send(open_town, body)):
        assert refused(response) == (503, "phone-service-unavailable") and "retry-after" in response.headers
    assert await nothing_was_released(open_town)
