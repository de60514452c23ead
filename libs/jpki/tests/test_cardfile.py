"""A card that is put away and taken out again."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    load_der_private_key,
)
from evote_jpki.card import JpkiCard, PinLocked, WrongPin
from evote_jpki.cardfile import CardFileDamaged, load_card, save_card
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION


def test_wrong_pins_are_counted_over_restarts_and_lock_for_good(card: EmulatedCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    for left in (2, 1):
        with pytest.raises(WrongPin) as wrong:
            JpkiCard(load_card(path).transmit).verify_pin(USER_AUTHENTICATION, "0000")
        assert wrong.value.tries_left == left
    for pin in ("0000", "1234"):
        with pytest.raises(PinLocked):
            JpkiCard(load_card(path).transmit).verify_pin(USER_AUTHENTICATION, pin)
    assert JpkiCard(load_card(path).transmit).tries_left(DIGITAL_SIGNATURE) == 5


def test_the_right_password_gives_all_tries_back_for_good(card: EmulatedCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    with pytest.raises(WrongPin):
        JpkiCard(load_card(path).transmit).verify_pin(DIGITAL_SIGNATURE, "WRONG0")
    again = JpkiCard(load_card(path).transmit)
    again.verify_pin(DIGITAL_SIGNATURE, "ABC123")
    assert again.read_certificate(DIGITAL_SIGNATURE) == card.slots[1].certificate
    assert JpkiCard(load_card(path).transmit).tries_left(DIGITAL_SIGNATURE) == 5


def test_only_the_owner_can_read_the_file(card: EmulatedCard, tmp_path: Path) -> None:
    save_card(card, tmp_path / "card.json")
    assert (tmp_path / "card.json").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["card.json"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"\xff\xfe",
        b"{}",
        b"[1, 2]",
        b"[{}, {}]",
        b'[{"key": "AAAA"}, {}]',
        b"[" * 100,
    ],
)
def test_a_file_without_a_card_is_refused_by_name_only(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "card.json"
    path.write_bytes(content)
    with pytest.raises(CardFileDamaged) as damaged:
        load_card(path)
    assert damaged.value.path == path


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("tries_left", -1),
        ("tries_left", 4),
        ("tries_left", "3"),
        ("pin", "12345"),
        ("pin", 1234),
        ("key", ""),
        ("key", "MCowBQYDK2VwAyEAGb9ECWmEzf6FQbrBZ9w7lshQhqowtrbLDFw4rXAxZuE="),
        ("certificate", "not base64"),
        ("issuer", None),
        ("puk", "1234"),
    ],
)
def test_a_card_that_cannot_exist_is_refused(card: EmulatedCard, tmp_path: Path, field: str, value: object) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    slots = json.loads(path.read_text())
    slots[0][field] = value
    path.write_text(json.dumps(slots))
    with pytest.raises(CardFileDamaged):
        load_card(path)


def test_the_primes_of_a_key_are_not_tested_again(card: EmulatedCard, tmp_path: Path) -> None:
    """A crowd's thousand cards would take a minute to read: whoever spoils a key gets signatures that nobody takes."""
    path = tmp_path / "card.json"
    save_card(card, path)
    slots = json.loads(path.read_text())
    whole = card.slots[0].key.private_numbers()
    p, q, e = whole.p, whole.q, whole.public_numbers.e
    d = whole.d + 2
    numbers = rsa.RSAPrivateNumbers(p, q, d, d % (p - 1), d % (q - 1), whole.iqmp, rsa.RSAPublicNumbers(e, p * q))
    spoilt = numbers.private_key(unsafe_skip_rsa_key_validation=True)
    der = spoilt.private_bytes(Encoding.DER, PrivateFormat.PKCS8, NoEncryption())
    with pytest.raises(ValueError, match="key"):
        load_der_private_key(der, None)
    slots[0]["key"] = base64.b64encode(der).decode()
    path.write_text(json.dumps(slots))
    signature = load_card(path).slots[0].key.sign(b"text", PKCS1v15(), SHA256())
    with pytest.raises(InvalidSignature):
        whole.public_numbers.public_key().verify(signature, b"text", PKCS1v15(), SHA256())


def test_power_lost_between_the_counting_and_the_comparison_costs_a_try(card: EmulatedCard, tmp_path: Path) -> None:
    path = tmp_path / "card.json"
    save_card(card, path)
    pulled = load_card(path)
    with pytest.raises(ConnectionAbortedError), pytest.MonkeyPatch.context() as patch:
        patch.setattr("hmac.compare_digest", _lose_power)
        JpkiCard(pulled.transmit).verify_pin(USER_AUTHENTICATION, "1234")
    assert JpkiCard(load_card(path).transmit).tries_left(USER_AUTHENTICATION) == 2


def _lose_power(*_: bytes) -> bool:
    raise ConnectionAbortedError
