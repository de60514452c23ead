"""The card's end of the reader's protocol, against readers that we play: honest, slow, lying and gone."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Callable, Iterator
from statistics import median

import pytest
from evote_jpki.vpcd import ATR, InsertedCard
from hypothesis import given, settings
from hypothesis import strategies as st

POWER_OFF, POWER_ON, RESET, GET_ATR = b"\x00\x01\x00", b"\x00\x01\x01", b"\x00\x01\x02", b"\x00\x01\x04"
WITHIN_S = 50.0


class Chip:
    """Answers each command with the command itself, and remembers what came."""

    def __init__(self, answer: Callable[[bytes], bytes] = bytes) -> None:
        self.commands: list[bytes] = []
        self.resets = 0
        self._answer = answer

    def transmit(self, raw: bytes) -> bytes:
        self.commands.append(raw)
        return self._answer(raw)

    def reset(self) -> None:
        self.resets += 1


class Reader:
    """A reader's slot: what a card connects to."""

    def __init__(self) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._listener.getsockname()[1]
        self.connection: socket.socket | None = None

    def accept(self) -> socket.socket:
        self._listener.settimeout(WITHIN_S)
        self.connection, _ = self._listener.accept()
        self.connection.settimeout(WITHIN_S)
        return self.connection

    def close(self) -> None:
        if self.connection is not None:
            self.connection.close()
        self._listener.close()


@pytest.fixture
def reader() -> Iterator[Reader]:
    reader = Reader()
    yield reader
    reader.close()


def receive(connection: socket.socket) -> bytes:
    """The payload of the next message."""
    return exactly(connection, int.from_bytes(exactly(connection, 2)))


def exactly(connection: socket.socket, size: int) -> bytes:
    content = b""
    while len(content) < size:
        piece = connection.recv(size - len(content))
        assert piece, "the card hung up"
        content += piece
    return content


def message(payload: bytes) -> bytes:
    return len(payload).to_bytes(2, "big") + payload


def test_the_card_tells_its_atr_and_answers_commands(reader: Reader) -> None:
    with InsertedCard(Chip(), "127.0.0.1", reader.port):
        connection = reader.accept()
        connection.sendall(POWER_ON + GET_ATR + message(b"\x00\xa4\x04\x0c"))
        assert receive(connection) == ATR
        assert receive(connection) == b"\x00\xa4\x04\x0c"


@pytest.mark.parametrize("order", [POWER_OFF, POWER_ON, RESET])
def test_the_readers_orders_reset_the_chip_and_are_not_answered(reader: Reader, order: bytes) -> None:
    chip = Chip()
    with InsertedCard(chip, "127.0.0.1", reader.port):
        connection = reader.accept()
        connection.sendall(order + GET_ATR)
        assert receive(connection) == ATR
        assert (chip.resets, chip.commands) == (1, [])


def test_messages_may_come_a_byte_at_a_time_or_all_at_once(reader: Reader) -> None:
    commands = [bytes([0, 0xB0, number, 0]) for number in range(20)]
    with InsertedCard(Chip(), "127.0.0.1", reader.port):
        connection = reader.accept()
        for byte in message(commands[0]):
            connection.sendall(bytes([byte]))
        assert receive(connection) == commands[0]
        connection.sendall(b"".join(map(message, commands)))
        assert [receive(connection) for _ in commands] == commands


def test_a_reader_that_sends_length_and_payload_apart_does_not_wait_for_late_acknowledgements(reader: Reader) -> None:
    with InsertedCard(Chip(), "127.0.0.1", reader.port):
        connection = reader.accept()  # as Debian's driver has it: with Nagle's algorithm on
        took_s = []
        for _ in range(50):
            started = time.perf_counter()
            connection.sendall(b"\x00\x04")
            connection.sendall(b"\x00\xb0\x00\x00")
            receive(connection)
            took_s.append(time.perf_counter() - started)
        # An acknowledgement that is late comes after 40 ms. The median, since a busy machine holds up some for longer.
        assert median(took_s) < 0.03


def test_the_longest_message_goes_both_ways(reader: Reader) -> None:
    command = bytes(range(256)) * 255 + bytes(255)
    with InsertedCard(Chip(), "127.0.0.1", reader.port):
        connection = reader.accept()
        connection.sendall(message(command))
        assert receive(connection) == command


@pytest.mark.parametrize(
    ("case", "sent"),
    [
        ("nothing", b""),
        ("half a length", b"\x00"),
        ("a length and nothing", b"\x00\x05"),
        ("less than the length says", b"\xff\xff\x00\xa4"),
        ("an order, then half a command", RESET + b"\x00\x05\x00"),
    ],
)
def test_a_reader_that_hangs_up_in_the_middle_only_ends_the_session(reader: Reader, case: str, sent: bytes) -> None:
    chip = Chip()
    card = InsertedCard(chip, "127.0.0.1", reader.port)
    connection = reader.accept()
    connection.sendall(sent)
    connection.close()
    card.wait()
    assert chip.commands == []
    assert chip.resets >= 1
    card.remove()


def test_an_empty_message_is_a_command_without_bytes(reader: Reader) -> None:
    with InsertedCard(Chip(lambda _: b"\x67\x00"), "127.0.0.1", reader.port):
        connection = reader.accept()
        connection.sendall(message(b"") + message(b"\x03"))
        assert [receive(connection), receive(connection)] == [b"\x67\x00", b"\x67\x00"]


def test_a_reader_that_never_listens_does_not_keep_the_card(reader: Reader) -> None:
    card = InsertedCard(Chip(lambda _: bytes(0xFFFF)), "127.0.0.1", reader.port)
    connection = reader.accept()
    connection.sendall(message(b"\x00\xb0\x00\x00") * 500)  # 32 MB of answers, more than the kernel keeps for a reader
    card.remove()


def test_a_card_is_taken_out_while_the_reader_says_nothing(reader: Reader) -> None:
    chip = Chip()
    card = InsertedCard(chip, "127.0.0.1", reader.port)
    connection = reader.accept()
    card.remove()
    card.remove()
    assert connection.recv(1) == b""
    assert chip.resets == 1


def test_a_card_taken_out_in_the_middle_of_a_command_gives_no_answer(reader: Reader) -> None:
    begun, go_on = threading.Event(), threading.Event()

    def sign(_: bytes) -> bytes:
        begun.set()
        assert go_on.wait(WITHIN_S)
        return bytes(256)

    card = InsertedCard(Chip(sign), "127.0.0.1", reader.port)
    connection = reader.accept()
    connection.sendall(message(b"\x80\x2a\x00\x80"))
    assert begun.wait(WITHIN_S)
    removal = threading.Thread(target=card.remove)
    removal.start()
    assert connection.recv(1) == b""  # gone at once, while the chip still works
    go_on.set()
    removal.join(WITHIN_S)
    assert not removal.is_alive()


@pytest.mark.filterwarnings("ignore::pytest.PytestUnhandledThreadExceptionWarning")
def test_a_chip_that_fails_falls_out_of_the_reader_instead_of_leaving_it_waiting(reader: Reader) -> None:
    def fail(_: bytes) -> bytes:
        raise ZeroDivisionError

    card = InsertedCard(Chip(fail), "127.0.0.1", reader.port)
    connection = reader.accept()
    connection.sendall(message(b"\x00\xa4\x04\x0c"))
    assert connection.recv(1) == b""
    card.remove()


def test_no_reader_is_an_error_of_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evote_jpki.vpcd._CONNECT_WITHIN_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(OSError):
        InsertedCard(Chip(), "127.0.0.1", port)


payloads = st.sampled_from([b"", b"\x00", b"\x01", b"\x02", b"\x04"]) | st.binary(max_size=300)


@given(st.lists(payloads, max_size=30), st.binary(max_size=100))
@settings(max_examples=200)
def test_any_bytes_of_a_reader_are_answered_message_by_message(messages: list[bytes], tail: bytes) -> None:
    sent = b"".join(map(message, messages)) + tail
    reader, chip = Reader(), Chip(lambda _: b"\x6d\x00")
    with InsertedCard(chip, "127.0.0.1", reader.port) as card:
        connection = reader.accept()
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        card.wait()
        received = b"".join(iter(lambda: connection.recv(65_536), b""))
    reader.close()
    assert received == b"".join(message(answer) for answer in expected_answers(sent))


def expected_answers(sent: bytes) -> Iterator[bytes]:
    while len(sent) >= 2 and len(sent) >= 2 + int.from_bytes(sent[:2]):
        payload, sent = sent[2 : 2 + int.from_bytes(sent[:2])], sent[2 + int.from_bytes(sent[:2]) :]
        if payload == b"\x04":
            yield ATR
        elif payload not in (b"\x00", b"\x01", b"\x02"):
            yield b"\x6d\x00"
