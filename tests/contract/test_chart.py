"""The chart's templates and schema against the services' settings, without Helm; `make chart` renders them."""

from __future__ import annotations

import json
import re
import types
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from evote_chart.generate import files
from evote_chart.settings import CHART, MIGRATION, SETTINGS, fields_of, given_by_templates, left_to_the_city
from evote_local.nodes.kafka import KAFKA_VERSION
from evote_platform.settings import ServiceSettings
from pydantic.alias_generators import to_camel

from .test_connections_table import BESIDE

_NAMED = re.compile(r"\bEVOTE_([A-Z0-9_]+)\b")
SCHEMA: dict[str, Any] = json.loads((CHART / "values.schema.json").read_text("utf-8"))
GUARDS = (CHART / "templates/guards.yaml").read_text("utf-8")


@pytest.mark.parametrize("path", files(), ids=lambda path: path.name)
def test_what_is_written_from_the_code_is_as_the_code_has_it(path: Path) -> None:
    assert path.read_text("utf-8") == files()[path], "run make chart-values"


@pytest.mark.parametrize("service", SETTINGS)
def test_the_templates_give_a_service_only_settings_that_it_reads(service: str) -> None:
    of_all = {*ServiceSettings.model_fields, *MIGRATION.model_fields}
    assert given_by_templates(service) - set(fields_of(service)) <= of_all
    own = _named_in(CHART / "templates" / service)
    assert own <= set(fields_of(service)) - set(ServiceSettings.model_fields)


def test_what_the_templates_give_every_service_every_service_reads() -> None:
    common = _named_in(CHART / "templates/_pod.tpl") - set(MIGRATION.model_fields)
    for service in SETTINGS:
        assert common <= set(fields_of(service))


@pytest.mark.parametrize("service", SETTINGS)
def test_every_setting_of_a_service_is_given_by_a_template_or_is_a_value(service: str) -> None:
    model = SCHEMA["$defs"][f"{service.title().replace('-', '')}Settings"]
    city = {to_camel(name) for name in left_to_the_city(service)}
    assert set(model["properties"]) == city
    assert model["additionalProperties"] is False
    assert given_by_templates(service) | left_to_the_city(service).keys() >= fields_of(service).keys()


@pytest.mark.parametrize("service", SETTINGS)
def test_files_and_what_has_no_default_are_the_templates_to_give(service: str) -> None:
    # The chain's own, and where the token's library is, a city says where it has a chain or a token.
    theirs = {"ethereum_chain_id", "ethereum_contract", "credential_token_module"}
    needed = {
        name
        for name, field in fields_of(service).items()
        if field.is_required() or field.annotation is Path or Path in _kinds(field.annotation)
    }
    assert needed - given_by_templates(service) <= theirs


def test_the_sum_of_connections_is_made_as_the_runbook_makes_it() -> None:
    found = re.search(r'\$beside := dict ((?:"[a-z-]+" \d+ ?)+)', GUARDS)
    assert found is not None
    assert dict(re.findall(r'"([a-z-]+)" (\d+)', found[1])) == {name: str(more) for name, more in BESIDE.items()}


def test_the_chart_takes_the_kafka_that_everything_here_runs_with() -> None:
    assert re.findall(r"has \$v\.kafka\.version \(list ([^)]*)\)", GUARDS) == [f'"{KAFKA_VERSION}"']


def test_a_profile_holds_sizes_alone_and_a_city_no_size() -> None:
    city = yaml.safe_load((CHART.parent / "city.example.yaml").read_text("utf-8"))
    assert not [name for name, value in city.items() if isinstance(value, dict) and "replicas" in value]
    for profile in CHART.glob("values-*.yaml"):
        said = yaml.safe_load(profile.read_text("utf-8"))
        assert not {"hosts", "publicKeys", "city", "trustedProxies"} & said.keys(), profile.name


def _named_in(place: Path) -> set[str]:
    sources = [place] if place.is_file() else sorted(place.iterdir())
    return {name.lower() for source in sources for name in _NAMED.findall(source.read_text("utf-8"))}


def _kinds(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if isinstance(annotation, types.UnionType) else ()
