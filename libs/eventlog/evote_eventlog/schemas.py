"""The JSON Schemas of all events, their table, and what counts as an incompatible change.

``python -m evote_eventlog.schemas docs/events`` writes them; the contract test compares.
"""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from .events import EVENT_CLASSES, EventData, Topic

Schema = dict[str, Any]

_WRITERS = {
    Topic.ELECTIONS: "tally",
    Topic.IDENTITY: "auth",
    Topic.BIOMETRIC: "biometric",
    Topic.BALLOTS: "ballot",
    Topic.LEDGER: "ledger-anchor",
    Topic.TALLY: "tally",
    Topic.DEAD_LETTER: "every consumer",
}

_KEYS = {
    "BallotAccepted": "`credential`",
    "BallotBoxClosed": "`election_uuid`, but written to every partition by number",
    "VoterAuthenticated": "`voter_ref`",
    "CredentialReleased": "`voter_ref`",
    "FaceEnrolled": "`voter_ref`",
    "FaceVerified": "`voter_ref`",
    "FaceRejected": "`voter_ref`",
    "TemplateReissued": "`voter_ref`",
    "CheckpointSigned": "`origin`",
    "CheckpointWitnessed": "`origin`",
    "CheckpointAnchored": "`origin`",
    "AnchorVerified": "`origin`",
    "TamperingDetected": "`origin`",
    "DeadLetter": "the original topic and partition",
}

_BOUNDS = (
    "minimum",
    "maximum",
    "minLength",
    "maxLength",
    "minItems",
    "maxItems",
    "pattern",
    "enum",
    "const",
    "anyOf",
    "additionalProperties",
)

_README_HEAD = """\
# Events

Written by `python -m evote_eventlog.schemas docs/events`; don't edit by hand.

Every record value is a CloudEvents 1.0 envelope in structured mode, as canonical JSON (RFC 8785): the
attributes `specversion`, `id`, `source`, `type`, `time` (RFC 3339, UTC, milliseconds; written to the minute, except
in `ledger`), `datacontenttype` and `data`. The schemas here describe `data`. Topic names carry the deployment's
prefix (`evote.` by default).

Versions: a type's schema only grows by optional fields. Anything else, a wider bound too, is a new version of the type
(`.v2`). A reader refuses what it doesn't know, so a writer writes nothing that is newer than the release of the events
(column "since") that its deployment has set, with `EVOTE_EVENTS_RELEASE`, for when every reader reads it. The contract
test compares the code with these files and fails on a field that was removed, changed its type or its bounds, or became
required.

| type | since | topic | key | written by | meaning |
|---|---|---|---|---|---|
"""


def event_schema(event_class: type[EventData]) -> Schema:
    """The JSON Schema (2020-12) of an event's ``data``."""
    schema = event_class.model_json_schema()
    schema["$schema"] = "https://json-schema.org/draft/2020-12/schema"
    schema["title"] = event_class.type_name()
    return schema


def file_name(event_class: type[EventData]) -> str:
    """Where the schema of a type is kept, such as ``ballots.BallotAccepted.v1.schema.json``."""
    return f"{event_class.topic.value}.{event_class.__name__}.v{event_class.version}.schema.json"


def schema_text(event_class: type[EventData]) -> str:
    """The schema as it stands in its file."""
    return json.dumps(event_schema(event_class), indent=2, ensure_ascii=False) + "\n"


def readme_text() -> str:
    """The table of all events."""
    return _README_HEAD + "".join(_row(event_class) for event_class in EVENT_CLASSES)


def write_all(folder: Path) -> None:
    """Write every schema and the table."""
    folder.mkdir(parents=True, exist_ok=True)
    for event_class in EVENT_CLASSES:
        (folder / file_name(event_class)).write_text(schema_text(event_class))
    (folder / "README.md").write_text(readme_text())


def incompatibilities(committed: Schema, current: Schema) -> list[str]:
    """Why events or code of the committed schema would break on the current one; empty when they don't.

    Allowed: new optional fields and changed descriptions. Everything else is named by the path of the field: what
    is wider than it was is poison to a reader of the release before, which would pass it by.
    """
    return list(_compare("data", committed, current, committed, current))


def _row(event_class: type[EventData]) -> str:
    meaning = inspect.cleandoc(event_class.__doc__ or "").split("\n\n")[0].replace("\n", " ")
    name = f"[`{event_class.type_name()}`]({file_name(event_class)})"
    key = _KEYS.get(event_class.__name__, "`election_uuid`")
    topic = event_class.topic
    return f"| {name} | {event_class.since} | `{topic.value}` | {key} | {_WRITERS[topic]} | {meaning} |\n"


def _compare(path: str, old: Schema, new: Schema, old_root: Schema, new_root: Schema) -> Iterator[str]:
    old, new = _resolved(old, old_root), _resolved(new, new_root)
    if old.get("type") != new.get("type"):
        yield f"{path}: was {old.get('type')}, is {new.get('type')}"
        return
    yield from _compare_bounds(path, old, new)
    old_fields, new_fields = old.get("properties", {}), new.get("properties", {})
    for name in old_fields.keys() - new_fields.keys():
        yield f"{path}.{name}: removed"
    for name in sorted(set(new.get("required", [])) - set(old.get("required", []))):
        yield f"{path}.{name}: newly required"
    for name in sorted(old_fields.keys() & new_fields.keys()):
        yield from _compare(f"{path}.{name}", old_fields[name], new_fields[name], old_root, new_root)
    if "items" in old or "items" in new:
        yield from _compare(f"{path}[]", old.get("items", {}), new.get("items", {}), old_root, new_root)


def _compare_bounds(path: str, old: Schema, new: Schema) -> Iterator[str]:
    for bound in _BOUNDS:
        if old.get(bound) != new.get(bound):
            yield f"{path}: {bound} was {old.get(bound)}, is {new.get(bound)}"


def _resolved(schema: Schema, root: Schema) -> Schema:
    reference = schema.get("$ref")
    if reference is None:
        return schema
    resolved: Schema = root["$defs"][str(reference).removeprefix("#/$defs/")]
    return resolved


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("usage: python -m evote_eventlog.schemas FOLDER")
    write_all(Path(sys.argv[1]))
