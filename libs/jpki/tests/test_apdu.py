from __future__ import annotations

import pytest
from evote_jpki.apdu import Command, MalformedApdu, Response, parse_command, parse_response
from hypothesis import given
from hypothesis import strategies as st

bytes_of_one = st.integers(0, 255)
commands = st.builds(
    Command,
    bytes_of_one,
    bytes_of_one,
    bytes_of_one,
    bytes_of_one,
    st.binary(max_size=300),
    st.none() | st.integers(1, 65536),
)


@given(commands)
def test_a_command_survives_its_encoding(command: Command) -> None:
    assert parse_command(command.encode()) == command


@given(st.binary(max_size=300), st.integers(0, 0xFFFF))
def test_a_response_survives_its_encoding(data: bytes, status: int) -> None:
    assert parse_response(Response(data, status).encode()) == Response(data, status)


@given(st.binary(max_size=600))
def test_bytes_are_a_command_or_are_refused(raw: bytes) -> None:
    try:
        command = parse_command(raw)
    except MalformedApdu:
        return
    assert parse_command(command.encode()) == command
    assert len(command.encode()) <= len(raw)


@pytest.mark.parametrize(
    ("case", "raw"),
    [
        ("nothing", ""),
        ("three bytes", "00A404"),
        ("length without its data", "00A4040C02AA"),
        ("two bytes behind the data", "00A4040C01AA0000"),
        ("extended length without its data", "00A4040C000002AA"),
        ("extended length of nothing", "00A4040C000000AA"),
        ("one byte behind extended data", "00A4040C000001AA00"),
    ],
)
def test_a_broken_command_is_refused(case: str, raw: str) -> None:
    with pytest.raises(MalformedApdu):
        parse_command(bytes.fromhex(raw))


@pytest.mark.parametrize("raw", [b"", b"\x90"])
def test_a_response_without_a_status_word_is_refused(raw: bytes) -> None:
    with pytest.raises(MalformedApdu):
        parse_response(raw)
