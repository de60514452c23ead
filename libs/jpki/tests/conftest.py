"""One authority and one set of keys for all tests: making RSA keys takes most of the time."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime

import pytest
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
