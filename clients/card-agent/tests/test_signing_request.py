"""What is signed is exactly what was sent, of the configured election, and can be read by a person."""

from __future__ import annotations

import json
import unicodedata
from dataclasses import replace

from evote_card_agent.reports import Refused
from evote_card_agent.signing_request import parse_texts
from evote_jpki.release_texts import ReleaseTexts
from hypothesis import given
from hypothesis import strategies as st

UUID = "2" * 14
TEXTS = ReleaseTexts(UUID, "つくば市模擬住民投票", "0f" * 16, "a1" * 32, "ed25519-x25519:" + "k" * 86)


def parse(challenge: object, statement: object) -> ReleaseTexts | None:
    body = json.dumps({"challenge": challenge, "release_statement": statement}).encode()
    try:
        return parse_texts(body, frozenset({UUID}))
    except Refused as refused:
        assert refused.report.status in (400, 403, 422)
        return None


def test_the_texts_of_the_configured_election_are_taken_as_they_are() -> None:
    assert parse(TEXTS.challenge, TEXTS.statement) == TEXTS


@given(st.data())
def test_after_any_change_what_is_signed_is_still_what_was_sent_or_nothing(data: st.DataObject) -> None:
    texts = [TEXTS.challenge, TEXTS.statement]
    for _ in range(data.draw(st.integers(1, 3))):
        which = data.draw(st.integers(0, 1))
        at = data.draw(st.integers(0, len(texts[which])))
        upto = at + data.draw(st.integers(0, 2))
        texts[which] = texts[which][:at] + data.draw(st.text(max_size=2)) + texts[which][upto:]
    parsed = parse(*texts)
    assert parsed is None or [parsed.challenge, parsed.statement] == texts
    assert parsed is None or parsed.election_uuid == UUID


@given(st.text(max_size=250))
def test_a_name_that_a_person_can_not_see_is_not_signed(name: str) -> None:
    texts = replace(TEXTS, election_name=name)
    if parse(texts.challenge, texts.statement) is not None:
        assert 0 < len(name) <= 200
        assert not any(unicodedata.category(sign) in ("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp") for sign in name)


@given(st.binary(max_size=60) | st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
).map(lambda value: json.dumps(value).encode()))  # fmt: skip
def test_any_other_body_is_refused(body: bytes) -> None:
    try:
        parse_texts(body, frozenset({UUID}))
    except Refused as refused:
        assert refused.report.slug in ("malformed-json", "invalid-request", "texts-refused")
    else:
        raise AssertionError(body)
