"""``python -m evote_chart.generate`` writes the chart's schema, the page of its values, and what its templates
read of the code.

The page and the schema are of one model, so that neither says what the other refuses.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Final

import yaml
from evote_auth.service import SCHEMA as AUTH
from evote_ballot.service import SCHEMA as BALLOT
from evote_biometric.service import SCHEMA as BIOMETRIC
from evote_eventlog.access import grants
from evote_eventlog.kafka import DEFAULT_PARTITIONS
from evote_eventlog.topics import SETTINGS
from evote_ledger_anchor.service import SCHEMA as LEDGER
from evote_platform.roles import role_statements
from evote_tally.service import SCHEMA as TALLY

from .settings import CHART
from .values import Values

ROOT: Final = Path(__file__).parents[3]
_HEAD: Final = """# Values of the chart

Everything that may stand in the values of [deploy/helm/evote](../deploy/helm/evote); anything else is refused. Written
by `make chart-values` from `evote_chart.values`, as `values.schema.json` is. "required": the chart has none, the
city's file says it; below what may be left out, where that is there.

| value | | meaning |
|---|---|---|
"""


def schema() -> dict[str, Any]:
    """JSON Schema of the values."""
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **Values.model_json_schema(by_alias=True)}


def page() -> str:
    """What each value means."""
    whole = schema()
    defaults = _defaults()
    return _HEAD + "".join(_rows(whole, whole["$defs"], (), defaults))


def files() -> Mapping[Path, str]:
    """All that is written from the code, by its place."""
    topics = [
        {"name": topic.value, "partitions": partitions} for topic, partitions in sorted(DEFAULT_PARTITIONS.items())
    ]
    log = {
        "topics": topics,
        "config": {setting.name: setting.value for setting in SETTINGS},
        "grants": [
            {"service": one.service, "resource": one.resource, "name": one.name, "operation": one.operation}
            for one in grants()
        ],
    }
    main = "".join(role_statements(each) for each in (AUTH, BALLOT, LEDGER, TALLY))
    return {
        CHART / "values.schema.json": _text(schema()),
        CHART / "files/event-log.json": _text(log),
        CHART / "files/roles.sql": main,
        CHART / "files/roles-biometric.sql": role_statements(BIOMETRIC),
        ROOT / "docs/helm-values.md": page(),
    }


def _text(value: object) -> str:
    return json.dumps(value, indent=1, ensure_ascii=False) + "\n"


def _defaults() -> Mapping[str, object]:
    loaded: Mapping[str, object] = yaml.safe_load((CHART / "values.yaml").read_text("utf-8"))
    return loaded


def _rows(
    schema: Mapping[str, Any], definitions: Mapping[str, Any], place: tuple[str, ...], defaults: object
) -> Iterator[str]:
    for name, member in schema.get("properties", {}).items():
        here = (*place, name)
        known = isinstance(defaults, Mapping) and name in defaults
        below = defaults[name] if isinstance(defaults, Mapping) and known else None
        target = _object(member, definitions)
        text = member.get("description") or ("" if target is None else target.get("description", ""))
        optional = name not in schema.get("required", ())
        if target is None or not known:
            state = f"`{json.dumps(below, ensure_ascii=False)}`" if known else "" if optional else "required"
            yield f"| `{'.'.join(here)}` | {state} | {' '.join(text.split()).replace('|', chr(92) + '|')} |\n"
        if target is not None and "properties" in target:
            yield from _rows(target, definitions, here, below)


def _object(member: Mapping[str, Any], definitions: Mapping[str, Any]) -> Mapping[str, Any] | None:
    for one in (member, *member.get("anyOf", ())):
        if "$ref" in one:
            target = definitions[one["$ref"].rsplit("/", 1)[1]]
            return target if target.get("type") == "object" else None
    return None


if __name__ == "__main__":
    for path, text in files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
