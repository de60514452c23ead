from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from evote_jpki.card import CardError, GarbledAnswer, JpkiCard, NotAJpkiCard, PinLocked, PinMalformed, WrongPin
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION, KeyFiles

BOTH = [(USER_AUTHENTICATION, "1234", "0000"), (DIGITAL_SIGNATURE, "ABC123", "WRONG0")]


@pytest.mark.parametrize(("files", "pin", "_"), BOTH)
def test_each_key_signs_what_its_certificate_verifies(card: EmulatedCard, files: KeyFiles, pin: str, _: str) -> None:
    client = JpkiCard(card.transmit)
    client.verify_pin(files, pin)
    signature = client.sign(files, "本人".encode())
    key = x509.load_der_x509_certificate(client.read_certificate(files)).public_key()
    key.verify(signature, "本人".encode(), padding.PKCS1v15(), hashes.SHA256())
    with pytest.raises(InvalidSignature):
        key.verify(signature, b"another", padding.PKCS1v15(), hashes.SHA256())


def test_the_certificate_is_read_whole_in_chunks(card: EmulatedCard) -> None:
    content = JpkiCard(card.transmit).read_certificate(USER_AUTHENTICATION)
    assert len(content) > 512
    assert x509.load_der_x509_certificate(content).subject


def test_a_certificate_shorter_than_it_says_is_an_error(card: EmulatedCard) -> None:
    card.slots[0].certificate = card.slots[0].certificate[:700]
    with pytest.raises(GarbledAnswer, match="184 bytes came instead of"):
        JpkiCard(card.transmit).read_certificate(USER_AUTHENTICATION)


def test_the_signature_certificate_is_hidden_until_its_own_password(card: EmulatedCard) -> None:
    client = JpkiCard(card.transmit)
    client.verify_pin(USER_AUTHENTICATION, "1234")
    with pytest.raises(CardError) as caught:
        client.read_certificate(DIGITAL_SIGNATURE)
    assert caught.value.status == 0x6982
    client.verify_pin(DIGITAL_SIGNATURE, "ABC123")
    assert client.read_certificate(DIGITAL_SIGNATURE)


@pytest.mark.parametrize(("files", "pin", "wrong"), BOTH)
def test_wrong_pins_count_down_lock_and_stay_locked(card: EmulatedCard, files: KeyFiles, pin: str, wrong: str) -> None:
    client = JpkiCard(card.transmit)
    for left in range(files.tries - 1, 0, -1):
        with pytest.raises(WrongPin) as caught:
            client.verify_pin(files, wrong)
        assert caught.value.tries_left == client.tries_left(files) == left
    with pytest.raises(PinLocked):
        client.verify_pin(files, wrong)
    card.reset()
    again = JpkiCard(card.transmit)
    assert again.tries_left(files) == 0
    with pytest.raises(PinLocked):
        again.verify_pin(files, pin)
    other = DIGITAL_SIGNATURE if files is USER_AUTHENTICATION else USER_AUTHENTICATION
    assert again.tries_left(other) == other.tries


def test_the_right_pin_gives_all_tries_back(card: EmulatedCard) -> None:
    client = JpkiCard(card.transmit)
    with pytest.raises(WrongPin):
        client.verify_pin(USER_AUTHENTICATION, "0000")
    client.verify_pin(USER_AUTHENTICATION, "1234")
    assert client.tries_left(USER_AUTHENTICATION) == 3


@pytest.mark.parametrize(
    ("files", "pin"),
    [
        (USER_AUTHENTICATION, "123"),
        (USER_AUTHENTICATION, "12345"),
        (USER_AUTHENTICATION, "１２３４"),
        (USER_AUTHENTICATION, "1234\n"),
        (DIGITAL_SIGNATURE, "abc123"),
        (DIGITAL_SIGNATURE, "ABC12"),
        (DIGITAL_SIGNATURE, "A" * 17),
    ],
)
def test_what_cannot_be_the_pin_uses_up_no_try(card: EmulatedCard, files: KeyFiles, pin: str) -> None:
    client = JpkiCard(card.transmit)
    with pytest.raises(PinMalformed):
        client.verify_pin(files, pin)
    assert client.tries_left(files) == files.tries


def test_nothing_is_signed_without_the_pin_of_that_key(card: EmulatedCard) -> None:
    client = JpkiCard(card.transmit)
    client.verify_pin(USER_AUTHENTICATION, "1234")
    with pytest.raises(CardError) as caught:
        client.sign(DIGITAL_SIGNATURE, b"statement")
    assert caught.value.status == 0x6982


def test_a_wrong_pin_takes_back_what_the_right_one_gave(card: EmulatedCard) -> None:
    client = JpkiCard(card.transmit)
    client.verify_pin(USER_AUTHENTICATION, "1234")
    with pytest.raises(WrongPin):
        client.verify_pin(USER_AUTHENTICATION, "0000")
    with pytest.raises(CardError):
        client.sign(USER_AUTHENTICATION, b"challenge")


@pytest.mark.parametrize("forget", ["reset", "select"])
def test_a_new_session_forgets_the_pin(card: EmulatedCard, forget: str) -> None:
    JpkiCard(card.transmit).verify_pin(USER_AUTHENTICATION, "1234")
    if forget == "reset":
        card.reset()
    with pytest.raises(CardError):
        JpkiCard(card.transmit).sign(USER_AUTHENTICATION, b"challenge")


def test_another_card_is_not_taken_for_a_jpki_card() -> None:
    with pytest.raises(NotAJpkiCard):
        JpkiCard(lambda command: bytes.fromhex("6A82"))
