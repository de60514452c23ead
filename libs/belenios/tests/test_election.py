"""An election's text: made, read, and refused when it can't be held."""

from __future__ import annotations

import base64
import hashlib
import json
import pickle
import secrets
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from evote_belenios.election import BASE58, Election, Question, new_uuid, oddities, parse_election
from evote_belenios.errors import BeleniosError, ElectionError
from evote_belenios.groups import BELENIOS_2048, ED25519, Group
from hypothesis import given
from hypothesis import strategies as st

NewElection = Callable[[Group, Sequence[Question]], Election]
PLAN = Question("市長の計画に賛成ですか", ("賛成", "反対"), True, 1, 1)
PARKS = Question("Parks", ("a", "b", "c"), False, 0, 2)


def test_the_text_has_the_fields_of_the_spec_in_its_order(group: Group, new_election: NewElection) -> None:
    election = new_election(group, [PLAN, PARKS])
    value = json.loads(election.json)
    assert list(value) == [
        "version",
        "description",
        "name",
        "group",
        "public_key",
        "questions",
        "uuid",
        "administrator",
        "credential_authority",
    ]
    assert value["questions"] == [
        {"answers": ["賛成", "反対"], "blank": True, "min": 1, "max": 1, "question": "市長の計画に賛成ですか"},
        {"answers": ["a", "b", "c"], "min": 0, "max": 2, "question": "Parks"},
    ]
    assert list(value["questions"][0]) == ["answers", "blank", "min", "max", "question"]
    assert election.json == json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def test_reading_gives_back_what_was_written(group: Group, new_election: NewElection) -> None:
    election = new_election(group, [PLAN, PARKS])
    assert election.questions == (PLAN, PARKS)
    assert election.group is group
    assert group.encode(election.public_key) == json.loads(election.json)["public_key"]
    assert pickle.loads(pickle.dumps(election)) == election


def test_the_fingerprint_is_the_hash_of_the_exact_text(new_election: NewElection) -> None:
    election = new_election(ED25519, [PLAN])
    digest = base64.b64encode(hashlib.sha256(election.json.encode()).digest()).decode()
    assert election.fingerprint + "=" == digest
    assert parse_election(election.json + " ").fingerprint != election.fingerprint


@pytest.mark.parametrize(
    ("change", "rule"),
    [
        ({"version": 2}, "election-version"),
        ({"version": "1"}, "schema"),
        ({"group": "RFC-3526-2048"}, "election-group"),
        ({"public_key": "00" * 32}, "group-element"),
        ({"public_key": f"{1:064x}"}, "group-element"),
        ({"uuid": "short"}, "election-uuid"),
        ({"uuid": "0" * 14}, "election-uuid"),
        ({"questions": [{"type": "NonHomomorphic", "value": {}}]}, "election-questions"),
        ({"language": ["ja", "up"]}, "election-language"),
        ({"more": 1}, "schema"),
        ({"name": None}, "schema"),
    ],
    ids=str,
)
def test_an_election_that_cannot_be_held_is_refused(change: dict[str, Any], rule: str, new_election) -> None:
    text = json.dumps({**json.loads(new_election(ED25519, [PLAN]).json), **change})
    with pytest.raises(BeleniosError) as refusal:
        parse_election(text)
    assert refusal.value.rule == rule


@pytest.mark.parametrize(("least", "most"), [(-1, 1), (2, 1), (0, 3), (0, 0)])
def test_bounds_fit_the_number_of_answers(least: int, most: int, new_election: NewElection) -> None:
    with pytest.raises(ElectionError) as refusal:
        new_election(ED25519, [Question("q", ("a", "b"), False, least, most)])
    assert refusal.value.rule == "election-questions"


def test_what_nobody_would_draft_is_read_and_named(new_election: NewElection) -> None:
    value = json.loads(new_election(ED25519, [PLAN]).json)
    question = {"answers": ["a", "b"], "min": 0, "max": 3, "question": "q"}
    assert list(oddities(parse_election(json.dumps({**value, "questions": []})))) == ["the election has 0 questions"]
    many = parse_election(json.dumps({**value, "questions": [question] * 101}))
    assert "the election has 101 questions" in oddities(many)
    assert "question 1: min 0 and max 3 don't fit 2 answers" in oddities(many)
    assert list(oddities(parse_election(json.dumps({**value, "language": ["ja", "ltr"]})))) == []


def test_a_question_has_answers(new_election: NewElection) -> None:
    with pytest.raises(ElectionError):
        new_election(ED25519, [Question("q", (), True, 0, 0)])


def test_a_public_key_of_the_other_group_is_refused(new_election: NewElection) -> None:
    value = json.loads(new_election(ED25519, [PLAN]).json)
    value["group"] = BELENIOS_2048.name
    with pytest.raises(BeleniosError) as refusal:
        parse_election(json.dumps(value))
    assert refusal.value.rule == "group-element"


@given(st.binary(min_size=64, max_size=64))
def test_a_uuid_is_14_base58_characters(seed: bytes) -> None:
    uuid = new_uuid(lambda count: seed[:count])
    assert len(uuid) == 14 and set(uuid) <= set(BASE58)


def test_two_uuids_differ() -> None:
    assert new_uuid(secrets.token_bytes) != new_uuid(secrets.token_bytes)
