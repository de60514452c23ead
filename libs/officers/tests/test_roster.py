"""A roster says of each person one thing only."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from evote_officers.acts import ACTS, DRAFT, ORDER_ENROLMENT, REISSUE_CODE, find_act
from evote_officers.roster import RosterUnusable, parse_roster
from evote_statements.keys import key_text
from hypothesis import given
from hypothesis import strategies as st


def person(identifier: str, **changes: Any) -> dict[str, Any]:
    key = key_text(Ed25519PrivateKey.generate().public_key())
    entry = {
        "id": identifier,
        "name": "佐藤",
        "roles": ["auditor"],
        "keys": [key],
        "valid_from": "2026-01-01T00:00:00Z",
    }
    return {**entry, **changes}


def roster(*persons: dict[str, Any], **changes: Any) -> str:
    return json.dumps({"deployment": "d", "persons": persons, **changes})


def test_an_entry_holds_from_its_first_moment_until_before_its_last() -> None:
    (entry,) = parse_roster(roster(person("a", valid_until="2026-02-01T00:00:00+09:00"))).persons
    assert entry.valid_at(datetime(2026, 1, 1, tzinfo=UTC)) and entry.valid_at(
        datetime(2026, 1, 31, 14, 59, tzinfo=UTC)
    )
    assert not entry.valid_at(datetime(2025, 12, 31, 23, 59, tzinfo=UTC))
    assert not entry.valid_at(datetime(2026, 1, 31, 15, tzinfo=UTC))


def test_two_persons_never_share_an_identifier_or_a_key() -> None:
    one = person("a")
    with pytest.raises(RosterUnusable, match="same id"):
        parse_roster(roster(one, person("a")))
    with pytest.raises(RosterUnusable, match="twice"):
        parse_roster(roster(one, person("b", keys=one["keys"])))


@pytest.mark.parametrize(
    "changes",
    [
        {"keys": ["ed25519:x"]},
        {"keys": []},
        {"roles": ["mayor"]},
        {"roles": []},
        {"name": "a\nb"},
        {"name": " "},
        {"id": "A b"},
        {"valid_from": "2026-01-01T00:00:00"},
        {"token": "x"},
    ],
)
def test_an_entry_that_can_be_read_in_two_ways_is_none(changes: dict[str, Any]) -> None:
    with pytest.raises(RosterUnusable) as refused:
        parse_roster(roster(person("a", **changes)))
    assert "佐藤" not in refused.value.reason


@given(st.binary(max_size=60) | st.text(max_size=60))
def test_no_bytes_make_the_reader_fail_otherwise(text: bytes | str) -> None:
    with pytest.raises(RosterUnusable):
        parse_roster(text)


def test_each_request_is_at_most_one_act() -> None:
    for act in ACTS:
        path = act.path.replace(":path}", "}")
        for name in ("election_uuid", "voter_id", "voter_ref", "case_number"):
            path = path.replace(f"{{{name}}}", "1")
        assert find_act(act.service, act.method, path) is act
    assert find_act("auth", "POST", "/elections/1/voters/a/face-enrolment/b/voting-code") is REISSUE_CODE
    assert find_act("auth", "POST", "/elections/1/voters/a\n/b/face-enrolment") is ORDER_ENROLMENT
    assert find_act("tally", "POST", "/elections/") is not DRAFT
    assert find_act("auth", "POST", "/elections") is None
