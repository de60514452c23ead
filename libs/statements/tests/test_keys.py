"""Keys as lines: what comes back is the same key, and a slip is noticed."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_statements.keys import KeyMistyped, key_text, parse_key
from hypothesis import given
from hypothesis import strategies as st

KEY = Ed25519PrivateKey.from_private_bytes(b"\x01" * 32).public_key()
LINE = key_text(KEY)


@given(st.binary(min_size=32, max_size=32))
def test_a_key_comes_back_from_its_line(secret: bytes) -> None:
    key = Ed25519PrivateKey.from_private_bytes(secret).public_key()
    assert parse_key(f" {key_text(key)}\n").public_bytes_raw() == key.public_bytes_raw()


@given(st.integers(0, len(LINE) - 1), st.characters(codec="utf-8", exclude_categories=["Z", "C"]))
def test_a_mistyped_character_is_noticed(place: int, sign: str) -> None:
    changed = LINE[:place] + sign + LINE[place + 1 :]
    if changed != LINE:
        with pytest.raises(KeyMistyped):
            parse_key(changed)


@given(st.text(max_size=100))
def test_whatever_is_no_line_is_refused(text: str) -> None:
    with pytest.raises(KeyMistyped):
        parse_key(text)
