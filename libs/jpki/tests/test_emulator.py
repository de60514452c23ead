"""The emulated card, APDU by APDU, in hexadecimal as the standards print them."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import padding
from evote_jpki.authority import CardKeys, Person, TestAuthority
from evote_jpki.emulator import EmulatedCard, KeySlot
from evote_jpki.files import LARGEST_CERTIFICATE, USER_AUTHENTICATION

APPLICATION = "00A4040C0AD392F000260100000001"
USER_CERTIFICATE, USER_KEY, USER_PIN = "00A4020C02000A", "00A4020C020017", "00A4020C020018"
SIGNATURE_CERTIFICATE, SIGNATURE_KEY, PASSWORD = "00A4020C020001", "00A4020C02001A", "00A4020C02001B"
VERIFY_1234, VERIFY_ABC123 = "002000800431323334", "0020008006414243313233"
SIGN_ONE_BYTE = "802A0080010100"


def answer(card: EmulatedCard, *commands: str) -> str:
    """The last answer, in hexadecimal."""
    return [card.transmit(bytes.fromhex(command)).hex().upper() for command in commands][-1]


@pytest.mark.parametrize(
    ("case", "commands", "status"),
    [
        ("another application", ["00A4040C07A0000002471001"], "6A82"),
        ("another application, whose description is wanted", ["00A4040007A000000247100100"], "6A82"),
        ("the beginning of its name", ["00A4040C06D392F0002601"], "6A82"),
        ("its description", ["00A404000AD392F00026010000000100"], "6A86"),
        ("a file before the application", [USER_CERTIFICATE], "6A82"),
        ("a file that isn't there", [APPLICATION, "00A4020C020099"], "6A82"),
        ("the master file", [APPLICATION, "00A4020C023F00"], "6A82"),
        ("a way of selecting that cards don't know", [APPLICATION, "00A4080C02000A"], "6A86"),
        ("a file's description", [APPLICATION, "00A4020002000A"], "6A86"),
        ("a file name of three bytes", [APPLICATION, "00A4020C0300000A"], "6700"),
        ("no file name", [APPLICATION, "00A4020C"], "6700"),
        ("reading before selecting a file", [APPLICATION, "00B0000004"], "6986"),
        ("reading after selecting no file", [APPLICATION, "00A4020C020099", "00B0000004"], "6986"),
        ("reading a key", [APPLICATION, USER_KEY, "00B0000004"], "6981"),
        ("reading a PIN", [APPLICATION, USER_PIN, "00B0000004"], "6981"),
        ("reading behind the end", [APPLICATION, USER_CERTIFICATE, "00B07FFF04"], "6B00"),
        ("reading nothing", [APPLICATION, USER_CERTIFICATE, "00B00000"], "6700"),
        ("reading with data", [APPLICATION, USER_CERTIFICATE, "00B00000010004"], "6700"),
        ("reading by a short name that isn't there", [APPLICATION, "00B0850004"], "6A82"),
        ("reading by a short name before the application", ["00B08A0004"], "6A82"),
        ("reading by what is no short name", [APPLICATION, "00B0AA0004"], "6A86"),
        ("reading the hidden certificate", [APPLICATION, SIGNATURE_CERTIFICATE, "00B0000004"], "6982"),
        ("reading the hidden certificate by its short name", [APPLICATION, "00B0810004"], "6982"),
        ("asking for the tries left", [APPLICATION, USER_PIN, "00200080"], "63C3"),
        ("asking for the tries left by short name", [APPLICATION, "00200098"], "63C3"),
        ("asking for the password's tries left", [APPLICATION, PASSWORD, "00200080"], "63C5"),
        ("asking when the PIN was verified", [APPLICATION, USER_PIN, VERIFY_1234, "00200080"], "63C3"),
        ("VERIFY before selecting a file", [APPLICATION, VERIFY_1234], "6986"),
        ("VERIFY on a certificate", [APPLICATION, USER_CERTIFICATE, VERIFY_1234], "6981"),
        ("VERIFY on a key", [APPLICATION, USER_KEY, VERIFY_1234], "6981"),
        ("VERIFY with another P1", [APPLICATION, USER_PIN, "00200180"], "6A86"),
        ("VERIFY with a global reference", [APPLICATION, USER_PIN, "00200001"], "6A86"),
        ("VERIFY with a PIN too long", [APPLICATION, USER_PIN, "00200080053132333435"], "63C2"),
        ("VERIFY in the other class", [APPLICATION, USER_PIN, "802000800431323334"], "6D00"),
        ("signing before selecting a file", [APPLICATION, SIGN_ONE_BYTE], "6986"),
        ("signing with a certificate", [APPLICATION, USER_CERTIFICATE, SIGN_ONE_BYTE], "6981"),
        ("signing without the PIN", [APPLICATION, USER_KEY, SIGN_ONE_BYTE], "6982"),
        ("signing with the other key's PIN", [APPLICATION, PASSWORD, VERIFY_ABC123, USER_KEY, SIGN_ONE_BYTE], "6982"),
        ("signing by PSO's parameters", [APPLICATION, USER_KEY, "802A9E9A010100"], "6A86"),
        ("signing with a hash of the card's own", [APPLICATION, USER_KEY, "802A0380010100"], "6A86"),
        ("signing in the wrong class", [APPLICATION, USER_KEY, "002A0080010100"], "6D00"),
        ("an unknown instruction", [APPLICATION, "00CA000000"], "6D00"),
        ("writing", [APPLICATION, USER_CERTIFICATE, "00D6000001AA"], "6D00"),
        ("changing the PIN", [APPLICATION, USER_PIN, "002401800430303030"], "6D00"),
        ("an unknown class", [APPLICATION, "A0A4020C02000A"], "6E00"),
        ("a chained command", [APPLICATION, "10A4020C02000A"], "6E00"),
        ("another logical channel", [APPLICATION, "01A4020C02000A"], "6E00"),
        ("half a command", ["00A4"], "6700"),
        ("no command", [""], "6700"),
        ("less data than it says", [APPLICATION, USER_PIN, "0020008004313233"], "6700"),
    ],
)
def test_the_card_refuses_with_the_right_status_word(
    card: EmulatedCard, case: str, commands: list[str], status: str
) -> None:
    assert answer(card, *commands) == status


@pytest.mark.parametrize(("data", "expected"), [("", "00"), ("AA" * 246, "00"), ("AA" * 32, ""), ("AA" * 32, "FF")])
def test_a_signature_needs_data_that_fits_the_key_and_room_for_its_answer(
    card: EmulatedCard, data: str, expected: str
) -> None:
    length = f"{len(data) // 2:02X}" if data else ""
    assert answer(card, APPLICATION, USER_PIN, VERIFY_1234, USER_KEY, f"802A0080{length}{data}{expected}") == "6700"


@pytest.mark.parametrize("size", [1, 32, 51, 245])
def test_the_card_pads_what_it_is_given_and_signs_it(card: EmulatedCard, keys: CardKeys, size: int) -> None:
    command = f"802A0097{size:02X}{'AB' * size}00"  # the key by its short name
    signature = bytes.fromhex(answer(card, APPLICATION, USER_PIN, VERIFY_1234, command))[:-2]
    key = keys.user_authentication.public_key()
    assert key.recover_data_from_signature(signature, padding.PKCS1v15(), None) == b"\xab" * size


def test_an_extended_command_reads_the_certificate_at_once(card: EmulatedCard) -> None:
    whole = card.slots[0].certificate.hex().upper() + "9000"
    assert answer(card, APPLICATION, USER_CERTIFICATE, "00B00000000000") == whole
    assert answer(card, "00B000000007FF") == whole


@pytest.mark.parametrize("offset", [0x00, 0x7F, 0x80, 0xFF, 0x100, 0x17F, 0x180, 0x7F00, 0x7FFE])
@pytest.mark.parametrize("length", [1, 0x7F, 0x80, 0xFF, 0x100])
def test_each_byte_of_the_largest_file_can_be_read(card: EmulatedCard, offset: int, length: int) -> None:
    content = bytes(number % 251 for number in range(LARGEST_CERTIFICATE))
    card.slots[0].certificate = content
    piece = answer(card, APPLICATION, USER_CERTIFICATE, f"00B0{offset:04X}{length % 256:02X}")
    assert piece == content[offset : offset + length].hex().upper() + "9000"


def test_a_short_name_reads_with_an_offset_of_one_byte_and_selects(card: EmulatedCard) -> None:
    content = card.slots[0].certificate.hex().upper()
    assert answer(card, APPLICATION, "00B08AFF10") == content[0xFF * 2 : 0x10F * 2] + "9000"
    assert answer(card, "00B0010F10") == content[0x10F * 2 : 0x11F * 2] + "9000"


def test_the_token_says_that_this_is_a_my_number_card(card: EmulatedCard) -> None:
    assert bytes.fromhex(answer(card, APPLICATION, "00A4020C020006", "00B0000020")) == (
        b"JPKIAPICCTOKEN2                 \x90\x00"
    )


def test_a_locked_pin_answers_6984_and_says_that_no_tries_are_left(card: EmulatedCard) -> None:
    answer(card, APPLICATION, USER_PIN)
    assert [answer(card, "002000800430303030") for _ in range(4)] == ["63C2", "63C1", "63C0", "6984"]
    assert answer(card, VERIFY_1234) == "6984"
    assert answer(card, "00200080") == "63C0"


def test_selecting_another_application_in_vain_changes_nothing(card: EmulatedCard) -> None:
    answer(card, APPLICATION, USER_PIN, VERIFY_1234, "00A4040C07A0000002471001")
    assert answer(card, USER_KEY, SIGN_ONE_BYTE).endswith("9000")


def test_power_lost_in_the_middle_of_verify_costs_the_try_and_unlocks_nothing(card: EmulatedCard) -> None:
    def lose_power(_: EmulatedCard) -> None:
        raise ConnectionAbortedError

    pulled = EmulatedCard(*card.slots, keep=lose_power)
    answer(pulled, APPLICATION, USER_PIN)
    with pytest.raises(ConnectionAbortedError):
        answer(pulled, VERIFY_1234)
    assert card.slots[0].tries_left == 2
    assert answer(pulled, USER_KEY, SIGN_ONE_BYTE) == "6982"


def test_a_card_has_well_formed_pins(authority: TestAuthority, person: Person, keys: CardKeys) -> None:
    with pytest.raises(ValueError):
        authority.issue_card(person, keys, pin="12345", password="ABC123")
    with pytest.raises(ValueError):
        authority.issue_card(person, keys, pin="1234", password="lower1")


@pytest.mark.parametrize(("size", "tries"), [(LARGEST_CERTIFICATE + 1, 3), (700, 4), (700, -2)])
def test_a_card_holds_no_more_than_its_commands_can_reach(keys: CardKeys, size: int, tries: int) -> None:
    with pytest.raises(ValueError):
        KeySlot(USER_AUTHENTICATION, bytes(size), b"", keys.user_authentication, "1234", tries)


def test_secrets_do_not_print(card: EmulatedCard) -> None:
    assert "1234" not in repr(card.slots) and "ABC123" not in repr(card.slots)
