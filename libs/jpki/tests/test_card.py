from __future__ import annotations

import pytest
from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import padding
from evote_jpki.apdu import MalformedApdu
from evote_jpki.authority import TestAuthority
from evote_jpki.card import CardError, JpkiCard, NotAJpkiCard, PinLocked, PinMalformed, WrongPin
from evote_jpki.emulator import EmulatedCard
from evote_jpki.files import DIGITAL_SIGNATURE, USER_AUTHENTICATION, KeyFiles
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

SELECT_APPLICATION = "00A4040C0AD392F000260100000001"
BOTH = [(USER_AUTHENTICATION, "1234", "0000"), (DIGITAL_SIGNATURE, "ABC123", "WRONG0")]


def answer(card: EmulatedCard, *commands: str) -> str:
    """The last answer, in hexadecimal."""
    return [card.transmit(bytes.fromhex(command)).hex().upper() for command in commands][-1]


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


def test_an_extended_command_reads_it_at_once(card: EmulatedCard) -> None:
    card.transmit(bytes.fromhex(SELECT_APPLICATION))
    card.transmit(bytes.fromhex("00A4020C02000A"))
    whole = card.transmit(bytes.fromhex("00B00000000000"))
    assert whole == card.slots[0].certificate + b"\x90\x00"


def test_a_certificate_shorter_than_it_says_is_an_error(card: EmulatedCard) -> None:
    card.slots[0].certificate = card.slots[0].certificate[:700]
    with pytest.raises(CardError) as caught:
        JpkiCard(card.transmit).read_certificate(USER_AUTHENTICATION)
    assert caught.value.status == 0x6B00


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


@pytest.mark.parametrize(
    ("case", "commands", "status"),
    [
        ("another application", ["00A4040C07A0000002471001"], "6A82"),
        ("a file before the application", ["00A4020C02000A"], "6A82"),
        ("a file that isn't there", [SELECT_APPLICATION, "00A4020C020099"], "6A82"),
        ("a way of selecting that cards don't know", [SELECT_APPLICATION, "00A4080C02000A"], "6A86"),
        ("a file name of three bytes", [SELECT_APPLICATION, "00A4020C0300000A"], "6700"),
        ("reading before selecting a file", [SELECT_APPLICATION, "00B0000004"], "6986"),
        ("reading a key", [SELECT_APPLICATION, "00A4020C020017", "00B0000004"], "6986"),
        ("reading behind the end", [SELECT_APPLICATION, "00A4020C02000A", "00B07FFF04"], "6B00"),
        ("reading by short file name", [SELECT_APPLICATION, "00A4020C02000A", "00B0810004"], "6A86"),
        ("reading nothing", [SELECT_APPLICATION, "00A4020C02000A", "00B00000"], "6700"),
        ("asking for the tries left", [SELECT_APPLICATION, "00A4020C020018", "00200080"], "63C3"),
        ("asking for the password's tries left", [SELECT_APPLICATION, "00A4020C02001B", "00200080"], "63C5"),
        ("VERIFY on a certificate", [SELECT_APPLICATION, "00A4020C02000A", "00200080"], "6986"),
        ("VERIFY with another reference", [SELECT_APPLICATION, "00A4020C020018", "00200081"], "6A86"),
        ("signing with a certificate", [SELECT_APPLICATION, "00A4020C02000A", "802A00800101"], "6986"),
        ("signing with other parameters", [SELECT_APPLICATION, "00A4020C020017", "802A9E9A0101"], "6A86"),
        ("signing in the wrong class", [SELECT_APPLICATION, "002A00800101"], "6D00"),
        ("an unknown instruction", [SELECT_APPLICATION, "00CA000000"], "6D00"),
        ("an unknown class", [SELECT_APPLICATION, "A0A4020C02000A"], "6E00"),
        ("half a command", ["00A4"], "6700"),
    ],
)
def test_the_card_refuses_with_the_right_status_word(
    card: EmulatedCard, case: str, commands: list[str], status: str
) -> None:
    assert answer(card, *commands) == status


def test_a_digest_info_that_does_not_fit_the_key_is_refused(card: EmulatedCard) -> None:
    JpkiCard(card.transmit).verify_pin(USER_AUTHENTICATION, "1234")
    too_long = "802A0080F8" + "AA" * 248
    assert answer(card, "00A4020C020017", "802A0080") == "6700"
    assert answer(card, too_long) == "6A80"


@given(
    st.lists(
        st.binary(max_size=40)
        | st.builds(
            lambda head, tail: head + tail,
            st.sampled_from(
                [
                    b"\x00\xa4\x04\x0c",
                    b"\x00\xa4\x02\x0c\x02\x00",
                    b"\x00\xb0",
                    b"\x00\x20\x00\x80",
                    b"\x80\x2a\x00\x80",
                ]
            ),
            st.binary(max_size=20),
        ),
        max_size=8,
    )
)
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_bytes_get_an_answer_and_no_key_without_its_pin(card: EmulatedCard, commands: list[bytes]) -> None:
    card.reset()
    for command in commands:
        response = card.transmit(command)
        assert len(response) >= 2
        if command[:2] == b"\x80\x2a":
            assert response[-2:] != b"\x90\x00"


@given(st.lists(st.binary(min_size=0, max_size=300), min_size=1, max_size=6))
@settings(max_examples=100, deadline=None)
def test_a_hostile_card_only_causes_errors_of_the_card(answers: list[bytes]) -> None:
    """Whatever a broken or hostile card answers, the client stops with an error that names the cause."""
    pending = iter(answers * 200)
    try:
        client = JpkiCard(lambda _: next(pending))
        client.verify_pin(USER_AUTHENTICATION, "1234")
        client.read_certificate(USER_AUTHENTICATION)
    except (CardError, MalformedApdu):
        pass


def test_a_card_has_well_formed_pins(authority: TestAuthority, person, keys) -> None:
    with pytest.raises(ValueError):
        authority.issue_card(person, keys, pin="12345", password="ABC123")
    with pytest.raises(ValueError):
        authority.issue_card(person, keys, pin="1234", password="lower1")


def test_secrets_do_not_print(card: EmulatedCard) -> None:
    assert "1234" not in repr(card.slots) and "ABC123" not in repr(card.slots)
