"""A broken or hostile card: the client ends soon, with an error of its own."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from itertools import cycle, repeat

import pytest
from evote_jpki.card import CardError, GarbledAnswer, JpkiCard, NotAJpkiCard, PinLocked
from evote_jpki.files import LARGEST_CERTIFICATE, USER_AUTHENTICATION
from hypothesis import given, settings
from hypothesis import strategies as st

SUCCESS = b"\x90\x00"
MOST_COMMANDS = 3 + LARGEST_CERTIFICATE // 256 + 1

OPERATIONS: list[Callable[[JpkiCard], object]] = [
    lambda card: card.verify_pin(USER_AUTHENTICATION, "1234"),
    lambda card: card.tries_left(USER_AUTHENTICATION),
    lambda card: card.read_certificate(USER_AUTHENTICATION),
    lambda card: card.sign(USER_AUTHENTICATION, b"challenge"),
]

statuses = st.sampled_from([0x9000, 0x6100, 0x6282, 0x63C0, 0x63CF, 0x6700, 0x6982, 0x6984, 0x6A82, 0x6C00, 0x6F00])
answers = (
    st.binary(max_size=600)
    | st.builds(lambda data, status: data + status.to_bytes(2, "big"), st.binary(max_size=300), statuses)
    | st.builds(lambda size: b"\x30\x82" + size.to_bytes(2, "big") + SUCCESS, st.integers(0, 0xFFFF))
    | st.sampled_from([SUCCESS, bytes(256) + SUCCESS, bytes(70_000) + SUCCESS])
)


class HostileCard:
    """Selects willingly, then answers what it was told to, and counts the commands."""

    def __init__(self, answers: list[bytes]) -> None:
        self.commands: list[bytes] = []
        self._answers = cycle(answers)

    def transmit(self, command: bytes) -> bytes:
        self.commands.append(command)
        return SUCCESS if command[1] == 0xA4 else next(self._answers)


@given(st.lists(answers, min_size=1, max_size=8), st.sampled_from(OPERATIONS))
@settings(max_examples=500)
def test_any_answers_end_in_a_result_or_a_card_error(
    answers: list[bytes], operation: Callable[[JpkiCard], object]
) -> None:
    hostile = HostileCard(answers)
    client = JpkiCard(hostile.transmit)
    result: object = None
    with suppress(CardError):
        result = operation(client)
    assert len(hostile.commands) <= MOST_COMMANDS
    if isinstance(result, bytes):
        assert 0 < len(result) <= LARGEST_CERTIFICATE


@given(st.binary(max_size=600))
def test_any_answer_to_selection_is_the_application_or_a_card_error(answer: bytes) -> None:
    if answer == SUCCESS:
        return
    with pytest.raises((NotAJpkiCard, GarbledAnswer)):
        JpkiCard(lambda _: answer)


@pytest.mark.parametrize("answer", [b"", b"\x90", b"\x00" + SUCCESS, bytes(70_000)])
def test_what_is_no_answer_to_selection_is_garbled(answer: bytes) -> None:
    with pytest.raises(GarbledAnswer) as garbled:
        JpkiCard(lambda _: answer)
    assert garbled.value.operation == "SELECT"
    assert garbled.value.status == 0


@pytest.mark.parametrize(
    ("case", "first", "then"),
    [
        ("a byte at a time", b"\x30\x82\x7f\x00", b"\x00"),
        ("nothing", b"\x30\x82\x7f\x00", b""),
        ("more than was asked for", b"\x30\x82\x7f\x00", bytes(257)),
        ("64 KiB at once", b"\x30\x82\x7f\x00", bytes(65_536)),
        ("a size beyond what can be read", b"\x30\x82\xff\xff", bytes(256)),
        ("no DER", b"\x00\x00\x00\x00", bytes(256)),
        ("half a header", b"\x30\x82", bytes(256)),
    ],
)
def test_a_certificate_that_cannot_be_is_given_up_at_once(case: str, first: bytes, then: bytes) -> None:
    hostile = HostileCard([first + SUCCESS, then + SUCCESS])
    with pytest.raises(GarbledAnswer):
        JpkiCard(hostile.transmit).read_certificate(USER_AUTHENTICATION)
    assert len(hostile.commands) <= 4


def test_the_largest_certificate_takes_a_command_for_every_256_bytes() -> None:
    body = LARGEST_CERTIFICATE - 4
    header = b"\x30\x82" + body.to_bytes(2, "big")
    hostile = HostileCard([header + SUCCESS, *repeat(bytes(256) + SUCCESS, body // 256), bytes(body % 256) + SUCCESS])
    assert JpkiCard(hostile.transmit).read_certificate(USER_AUTHENTICATION) == header + bytes(body)
    assert len(hostile.commands) == MOST_COMMANDS


@pytest.mark.parametrize("signature", [b"", bytes(257)])
def test_a_signature_of_impossible_length_is_garbled(signature: bytes) -> None:
    with pytest.raises(GarbledAnswer):
        JpkiCard(HostileCard([signature + SUCCESS]).transmit).sign(USER_AUTHENTICATION, b"challenge")


def test_a_card_that_never_locks_cannot_make_the_client_try_again() -> None:
    hostile = HostileCard([b"\x63\xc0"])
    with pytest.raises(PinLocked):
        JpkiCard(hostile.transmit).verify_pin(USER_AUTHENTICATION, "1234")
    assert sum(command[1] == 0x20 for command in hostile.commands) == 1


@pytest.mark.parametrize(
    ("status", "tries"), [(b"\x63\xc2", 2), (b"\x63\xc0", 0), (b"\x69\x83", 0), (b"\x69\x84", 0), (SUCCESS, 3)]
)
def test_every_way_in_which_cards_tell_the_tries_left_is_understood(status: bytes, tries: int) -> None:
    assert JpkiCard(HostileCard([status]).transmit).tries_left(USER_AUTHENTICATION) == tries


def test_errors_say_what_was_done_and_what_came() -> None:
    with pytest.raises(CardError) as refused:
        JpkiCard(HostileCard([b"\x6f\x00"]).transmit).tries_left(USER_AUTHENTICATION)
    assert str(refused.value) == "VERIFY: the card answered 6F00"
    with pytest.raises(GarbledAnswer) as garbled:
        JpkiCard(HostileCard([b""]).transmit).tries_left(USER_AUTHENTICATION)
    assert str(garbled.value).startswith("VERIFY: the answer has no status word; ")


def test_a_failure_of_the_reader_passes_through() -> None:
    def unplugged(_: bytes) -> bytes:
        raise ConnectionResetError

    with pytest.raises(ConnectionResetError):
        JpkiCard(unplugged)
