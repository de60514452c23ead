"""Events in the code against the schemas in docs/events: what is published stays readable."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from evote_eventlog import schemas
from evote_eventlog.envelope import decode
from evote_eventlog.events import EVENT_CLASSES, ElectionClosed, ElectionDrafted, EventData, VoterAuthenticated

FOLDER = Path(__file__).parents[2] / "docs" / "events"

Schema = dict[str, Any]


def committed(event_class: type[EventData]) -> Schema:
    return json.loads((FOLDER / schemas.file_name(event_class)).read_text())


@pytest.mark.parametrize("event_class", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_no_event_changed_incompatibly(event_class: type[EventData]) -> None:
    assert schemas.incompatibilities(committed(event_class), schemas.event_schema(event_class)) == []


@pytest.mark.parametrize("event_class", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_the_published_schema_is_the_one_of_the_code(event_class: type[EventData]) -> None:
    """Also a compatible change is published: run ``python -m evote_eventlog.schemas docs/events``."""
    assert (FOLDER / schemas.file_name(event_class)).read_text() == schemas.schema_text(event_class)


def test_no_published_event_disappears_and_the_table_is_current() -> None:
    published = {path.name for path in FOLDER.glob("*.schema.json")}
    assert published == {schemas.file_name(event_class) for event_class in EVENT_CLASSES}
    assert (FOLDER / "README.md").read_text() == schemas.readme_text()


@pytest.mark.parametrize("event_class", EVENT_CLASSES, ids=lambda cls: cls.__name__)
def test_every_schema_is_a_valid_and_closed_one(event_class: type[EventData]) -> None:
    schema = committed(event_class)
    jsonschema.Draft202012Validator.check_schema(schema)
    assert schema["additionalProperties"] is False


def test_a_schema_accepts_its_events_and_nothing_with_unknown_fields() -> None:
    data = {"election_uuid": "1" * 14, "reason": "officer"}
    jsonschema.validate(json.loads(ElectionClosed(**data).model_dump_json()), committed(ElectionClosed))
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({**data, "extra": 1}, committed(ElectionClosed))


def test_an_authentication_of_before_likeness_was_told_is_an_exact_match() -> None:
    """Then a card had to be equal to the roll in all four attributes. The record is one that such a release wrote."""
    record = (
        b'{"data":{"election_uuid":"11111111111111","method":"card","voter_ref":"00000000000000000000000000000000"},'
        b'"datacontenttype":"application/json","id":"1","source":"auth","specversion":"1.0",'
        b'"time":"2026-11-24T00:00:00.000Z","type":"jp.tsukuba.evote.identity.VoterAuthenticated.v1"}'
    )
    old = decode(record).data
    assert isinstance(old, VoterAuthenticated)
    assert old.likeness == "exact"


def _remove(schema: Schema) -> None:
    del schema["properties"]["name"]


def _rename(schema: Schema) -> None:
    schema["properties"]["title"] = schema["properties"].pop("name")


def _retype(schema: Schema) -> None:
    schema["properties"]["threshold"] = {"type": "string"}


def _retype_in_array(schema: Schema) -> None:
    schema["properties"]["questions"]["items"] = {"type": "string"}


def _require(schema: Schema) -> None:
    schema["properties"]["fresh"] = {"type": "string"}
    schema["required"].append("fresh")


def _require_in_definition(schema: Schema) -> None:
    schema["$defs"]["DraftTrustee"]["properties"]["email"] = {"type": "string"}
    schema["$defs"]["DraftTrustee"]["required"].append("email")


def _remove_in_definition(schema: Schema) -> None:
    del schema["$defs"]["DraftQuestion"]["properties"]["blank"]


def _narrow_choice(schema: Schema) -> None:
    schema["properties"]["group"]["enum"] = ["Ed25519"]


def _widen_choice(schema: Schema) -> None:
    schema["properties"]["group"]["enum"].append("RFC-3526-2048")


def _fix_choice(schema: Schema) -> None:
    del schema["properties"]["group"]["enum"]
    schema["properties"]["group"]["const"] = "Ed25519"


def _narrow_pattern(schema: Schema) -> None:
    schema["properties"]["election_uuid"]["pattern"] = "^[1-9]{14}$"


def _new_pattern(schema: Schema) -> None:
    schema["properties"]["name"]["pattern"] = "^[a-z]+$"


def _shorten(schema: Schema) -> None:
    schema["properties"]["election_uuid"]["maxLength"] = 20


def _new_bound(schema: Schema) -> None:
    schema["properties"]["threshold"]["minimum"] = 2


def _widen_bound(schema: Schema) -> None:
    schema["properties"]["election_uuid"]["maxLength"] = 100


def _drop_bound(schema: Schema) -> None:
    del schema["$defs"]["DraftQuestion"]["properties"]["question"]["minLength"]


def _make_nullable(schema: Schema) -> None:
    schema["properties"]["name"] = {"anyOf": [{"type": "string"}, {"type": "null"}]}


def _open(schema: Schema) -> None:
    schema["additionalProperties"] = True


@pytest.mark.parametrize(
    "change",
    [
        _remove,
        _rename,
        _retype,
        _retype_in_array,
        _require,
        _require_in_definition,
        _remove_in_definition,
        _narrow_choice,
        _widen_choice,
        _fix_choice,
        _narrow_pattern,
        _new_pattern,
        _shorten,
        _new_bound,
        _widen_bound,
        _drop_bound,
        _make_nullable,
        _open,
    ],
)
def test_the_comparison_finds_an_incompatible_change(change: Callable[[Schema], None]) -> None:
    current = copy.deepcopy(committed(ElectionDrafted))
    change(current)
    assert schemas.incompatibilities(committed(ElectionDrafted), current)


def _add_optional(schema: Schema) -> None:
    schema["properties"]["note"] = {"type": "string", "default": ""}


def _describe(schema: Schema) -> None:
    schema["description"] = "Said better."


@pytest.mark.parametrize("change", [_add_optional, _describe])
def test_the_comparison_lets_a_compatible_change_pass(change: Callable[[Schema], None]) -> None:
    current = copy.deepcopy(committed(ElectionDrafted))
    change(current)
    assert schemas.incompatibilities(committed(ElectionDrafted), current) == []
