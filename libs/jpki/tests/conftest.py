"""One authority and one set of keys for all tests: making RSA keys takes most of the time."""

from __future__ import annotations

import secrets
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from evote_jpki.authority import CardKeys, Person, TestAuthority, generate_card_keys
from evote_jpki.emulator import EmulatedCard

NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)


@pytest.fixture(scope="session")
def now() -> datetime:
    return NOW


@pytest.fixture(scope="session")
def person() -> Person:
    return Person("齋藤　花子", "茨城県つくば市研究学園１丁目１番地１", "1990-04-01", "2")


@pytest.fixture(scope="session")
def keys() -> CardKeys:
    return generate_card_keys()


@pytest.fixture(scope="session")
def authority() -> TestAuthority:
    return TestAuthority(lambda: NOW, secrets.token_bytes)


@pytest.fixture
def card(authority: TestAuthority, person: Person, keys: CardKeys) -> EmulatedCard:
    return authority.issue_card(person, keys, pin="1234", password="ABC123")


@pytest.fixture
def issue(authority: TestAuthority, person: Person, keys: CardKeys, now: datetime) -> Callable[..., bytes]:
    """Issue a leaf like the card's first or (by default) second certificate, with some things changed."""
    card = authority.issue_card(person, keys, pin="1234", password="ABC123")

    def certificate(**changes) -> bytes:
        like = changes.get("like", 1)
        issuer = changes.get("issuer", (authority._user, authority._signature)[like])
        original = x509.load_der_x509_certificate(card.slots[like].certificate)
        builder = (
            x509.CertificateBuilder()
            .subject_name(x509.Name([]))
            .issuer_name(issuer.certificate.subject)
            .public_key(changes.get("public_key", keys.digital_signature.public_key()))
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - timedelta(days=1))
            .not_valid_after(now + timedelta(days=1))
        )
        for extension in original.extensions:
            value = changes.get(type(extension.value).__name__, extension.value)
            if value is not None:
                builder = builder.add_extension(value, critical=extension.critical)
        for value, critical in changes.get("more", []):
            builder = builder.add_extension(value, critical=critical)
        signed = builder.sign(issuer.key, changes.get("hash", hashes.SHA256()), rsa_padding=changes.get("padding"))
        return signed.public_bytes(Encoding.DER)

    return certificate
