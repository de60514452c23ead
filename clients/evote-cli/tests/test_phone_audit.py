"""The auditor's look at releases by phone: a card's signature, and the provider's word about the same challenge."""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pytest
from evote_auth.domain.cards import CardPair, Ended
from evote_auth.domain.evidence import CardChange
from evote_auth.domain.phone import PhoneAnswer
from evote_auth.domain.phone_evidence import phone_evidence
from evote_cli.faults import Fault
from evote_cli.release_evidence import Trusted
from evote_device.requests import ReleaseRequested, sign_request
from evote_jpki.authority import TestAuthority, generate_card_keys
from evote_jpki.certificates import parse_certificate
from evote_jpki.emulator import EmulatedCard
from evote_phone.id_token import Provider, nonce_of
from evote_platform.clock import rfc3339, utc_now
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from nacl.public import PrivateKey

from .test_audit import EXACT, HANAKO, ICHIRO, UUID, Office, new_device, sign, voter_ref_of

KEY = ECKey.generate_key("P-256", {"kid": "one"}, private=True)
PROVIDER = Provider("https://provider.example", "tsukuba", "ES256", KeySet([KEY]))
Content = dict[str, Any]


@dataclass
class PhoneOffice(Office):
    """An auth that takes phones, and its auditor, who knows the provider."""

    @property
    def trusted(self) -> Trusted:
        return replace(super().trusted, phone_provider=PROVIDER)

    def by_phone(self, card: EmulatedCard, credential: str, changes: Sequence[CardChange] = ()) -> Content:
        device = new_device()
        texts = self.texts(device)
        signed = sign(card, texts)
        answer = PhoneAnswer(id_token(texts.challenge), signed.signature_certificate, signed.statement_signature)
        code = secrets.token_urlsafe(32)
        text = phone_evidence(
            answer,
            code,
            texts,
            sign_request(ReleaseRequested, device, UUID, texts.challenge_id, {"code": code}),
            voter_ref=voter_ref_of(credential),
            credential=credential,
            released_at=rfc3339(utc_now()),
            match=EXACT,
            card_changes=changes,
        )
        return json.loads(text)


def id_token(challenge: str, key: ECKey = KEY, **changes: object) -> str:
    now = int(utc_now().timestamp())
    claims = {"iss": PROVIDER.issuer, "aud": PROVIDER.client_id, "sub": "x", "iat": now, "exp": now + 300}
    return jwt.encode({"alg": "ES256", "kid": "one"}, {**claims, "nonce": nonce_of(challenge), **changes}, key)


def pair(card: EmulatedCard, office: Office) -> tuple[CardPair, CardPair]:
    """The card as a reader shows it, and as a phone does."""
    signed = sign(card, office.texts(new_device()))
    user, signature = (
        parse_certificate(der).fingerprint for der in (signed.user_certificate, signed.signature_certificate)
    )
    return CardPair(user, signature), CardPair(None, signature)


@pytest.fixture(scope="module")
def office() -> PhoneOffice:
    return PhoneOffice(generate_card_keys(), TestAuthority(utc_now, secrets.token_bytes), PrivateKey.generate())


def test_releases_by_phone_are_counted_and_a_voter_may_come_by_card_too(office: PhoneOffice) -> None:
    card = office.card(HANAKO)
    releases = [
        office.logged(content)
        for content in (office.by_phone(card, "a"), office.content(card, "a"), office.by_phone(card, "a"))
    ]
    report = office.report(releases, {"a"})
    assert report.findings == []
    assert (report.by_phone, report.by_card, report.evidenced) == (2, 1, 1)


def _changed(name: str, value: object) -> Callable[[Content], Content]:
    return lambda content: {**content, name: value}


def _says(**changes: object) -> Callable[[Content], Content]:
    return lambda content: {**content, "id_token": id_token(content["challenge"], **changes)}


@pytest.mark.parametrize(
    ("forge", "fault"),
    [
        (_says(aud="another client"), Fault.IDENTITY_REFUSED),
        (_says(nonce="of another challenge"), Fault.IDENTITY_REFUSED),
        (_says(iss="https://elsewhere.example"), Fault.IDENTITY_REFUSED),
        (_says(exp=1), Fault.IDENTITY_REFUSED),
        (_says(key=ECKey.generate_key("P-256", {"kid": "one"}, private=True)), Fault.IDENTITY_REFUSED),
        (_changed("id_token", ""), Fault.IDENTITY_REFUSED),
        (_changed("statement_signature", "AAAA"), Fault.SIGNATURE_WRONG),
        (_changed("signature_certificate", "AAAA"), Fault.CERTIFICATE_REFUSED),
        (_changed("released_at", "2001-01-01T00:00:00.000Z"), Fault.CERTIFICATE_REFUSED),
        (_changed("release_statement", "何にでも同意します"), Fault.EVIDENCE_MALFORMED),
        (_changed("election_uuid", "5yP2vbZnkbxpPG"), Fault.OTHER_ELECTION),
        (_changed("code", "another"), Fault.NOT_ASKED_BY_DEVICE),
        (_changed("device_request", None), Fault.NO_DEVICE),
        (_changed("method", "telepathy"), Fault.EVIDENCE_MALFORMED),
    ],
)
def test_forged_evidence_of_a_phone_is_found(
    office: PhoneOffice, forge: Callable[[Content], Content], fault: Fault
) -> None:
    release = office.logged(forge(office.by_phone(office.card(HANAKO), "a")))
    assert office.faults([release], set()) == [(fault, release.where)]


def test_without_the_providers_keys_no_release_by_phone_is_taken_for_good(office: PhoneOffice) -> None:
    class Unknowing(PhoneOffice):
        @property
        def trusted(self) -> Trusted:
            return replace(super().trusted, phone_provider=None)

    unknowing = Unknowing(office.keys, office.authority, office.auditor)
    release = unknowing.logged(unknowing.by_phone(office.card(HANAKO), "a"))
    assert unknowing.faults([release], set()) == [(Fault.NO_PHONE_PROVIDER, release.where)]


def test_one_card_by_phone_under_two_credentials_or_two_persons_under_one_is_found(office: PhoneOffice) -> None:
    card = office.card(HANAKO)
    first, second = office.logged(office.by_phone(card, "a")), office.logged(office.content(card, "b"))
    assert office.faults([first, second], set()) == [(Fault.TWO_CREDENTIALS, second.where)]
    another = office.logged({**office.by_phone(office.card(ICHIRO), "a")})
    assert office.faults([first, another], set()) == [(Fault.TWO_PERSONS, another.where)]


def test_another_card_by_phone_needs_its_change_on_record(office: PhoneOffice) -> None:
    old, new = office.card(HANAKO), office.card(HANAKO)
    (whole, _), (_, by_phone) = pair(old, office), pair(new, office)
    first, unrecorded = office.logged(office.content(old, "a")), office.logged(office.by_phone(new, "a"))
    assert (Fault.CARD_UNRECORDED, unrecorded.where) in office.faults([first, unrecorded], set())
    change = CardChange(whole, by_phone, {whole.signature: Ended.EXPIRED}, utc_now(), None, None, None)
    recorded = office.logged(office.by_phone(new, "a", [change]))
    completed = office.logged(office.content(new, "a"))
    assert office.faults([first, recorded, completed], set()) == []
