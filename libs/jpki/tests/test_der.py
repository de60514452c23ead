from __future__ import annotations

import pytest
from evote_jpki.der import decode_string, encode_utf8_string
from hypothesis import given
from hypothesis import strategies as st


@given(st.text(max_size=400))
def test_a_string_survives_its_encoding(text: str) -> None:
    assert decode_string(encode_utf8_string(text)) == text


@given(st.binary(max_size=200))
def test_bytes_are_exactly_one_der_string_or_are_refused(raw: bytes) -> None:
    try:
        text = decode_string(raw)
    except ValueError:
        return
    assert encode_utf8_string(text)[1:] == raw[1:]


@pytest.mark.parametrize(
    ("case", "raw"),
    [
        ("long form of a short length", "0c810141"),
        ("leading zero in the length", "0c820001" + "41"),
        ("indefinite length", "0c80"),
        ("indefinite length of a PrintableString", "1380"),
        ("too short", "0c0241"),
        ("something behind", "0c014142"),
        ("an OCTET STRING", "040141"),
        ("not UTF-8", "0c01ff"),
        ("nothing", ""),
    ],
)
def test_anything_but_der_is_refused(case: str, raw: str) -> None:
    with pytest.raises(ValueError):
        decode_string(bytes.fromhex(raw))
