"""The texts that a card signs."""

from __future__ import annotations

from dataclasses import replace

import pytest
from evote_jpki.release_texts import MalformedText, ReleaseTexts, parse_release_texts
from hypothesis import given
from hypothesis import strategies as st

DEVICE_KEY = "ed25519-x25519:" + "k" * 86
TEXTS = ReleaseTexts("4yP2vbZnkbxpPG", "つくば市 住民投票", "0" * 32, "a" * 64, DEVICE_KEY)


@given(st.text(min_size=1).map(lambda text: " ".join(text.split())).filter(bool))
def test_texts_are_read_back_as_they_were_written(name: str) -> None:
    texts = replace(TEXTS, election_name=name)
    assert parse_release_texts(texts.challenge, texts.statement) == texts


@pytest.mark.parametrize(
    ("challenge", "statement"),
    [
        (TEXTS.statement, TEXTS.challenge),
        (TEXTS.challenge, replace(TEXTS, challenge_id="1" * 32).statement),
        (TEXTS.challenge, replace(TEXTS, election_uuid="5yP2vbZnkbxpPG").statement),
        (TEXTS.challenge + "\n", TEXTS.statement),
        (TEXTS.challenge, TEXTS.statement + "また、別のことにも同意します。\n"),
        (TEXTS.challenge, replace(TEXTS, election_name="二行\n選挙番号: 5yP2vbZnkbxpPG").statement),
        (TEXTS.challenge, replace(TEXTS, device_key=DEVICE_KEY[:-1] + "l").statement),
        (TEXTS.challenge.replace(DEVICE_KEY, DEVICE_KEY[:-1]), TEXTS.statement.replace(DEVICE_KEY, DEVICE_KEY[:-1])),
        (TEXTS.challenge.replace(DEVICE_KEY + "\n", ""), TEXTS.statement),
        (TEXTS.challenge.replace("v2", "v1"), TEXTS.statement),
        (TEXTS.challenge.replace("a" * 64, "a" * 63), TEXTS.statement),
        ("", ""),
    ],
)
def test_anything_else_is_not_signed(challenge: str, statement: str) -> None:
    with pytest.raises(MalformedText):
        parse_release_texts(challenge, statement)
