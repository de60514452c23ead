"""The chart's templates and schema against the services' settings, without Helm; `make chart` renders them."""

from __future__ import annotations

import json
import re
import types
from itertools import pairwise
from pathlib import Path
from typing import Any, get_args

import pytest
import yaml
from evote_chart.front_config import FRONTS
from evote_chart.generate import files
from evote_chart.settings import CHART, MIGRATION, SETTINGS, fields_of, given_by_templates, left_to_the_city
from evote_local.nodes.kafka import KAFKA_VERSION
from evote_platform.settings import ServiceSettings
from pydantic.alias_generators import to_camel

from .documented import ROOT, commands_of
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


def test_every_variable_of_an_environment_is_a_text_whatever_a_value_looks_like() -> None:
    """``true``, ``123`` or ``#x`` without quotes is no text in YAML, and Kubernetes takes none but texts."""
    found = 0
    for template in sorted((CHART / "templates").rglob("*.*")):
        for line in template.read_text("utf-8").splitlines():
            value = re.match(r"\s+value: (.*)", line)
            if value is None or "{{" not in value[1]:
                continue
            # An action either says nothing or quotes what it says.
            said = [
                action
                for action in re.findall(r"\{\{-?(.*?)-?\}\}", value[1])
                if not re.match(r"\s*(if|else|end|/\*)", action)
            ]
            assert said, line
            assert all(action.strip().endswith("| quote") for action in said), f"{template.name}: {line}"
            found += 1
    assert found >= 20


def test_the_chart_takes_the_kafka_that_everything_here_runs_with() -> None:
    assert re.findall(r"has \$v\.kafka\.version \(list ([^)]*)\)", GUARDS) == [f'"{KAFKA_VERSION}"']


def test_a_profile_holds_sizes_alone_and_a_city_no_size() -> None:
    city = yaml.safe_load((CHART.parent / "city.example.yaml").read_text("utf-8"))
    assert not [name for name, value in city.items() if isinstance(value, dict) and "replicas" in value]
    for profile in CHART.glob("values-*.yaml"):
        said = yaml.safe_load(profile.read_text("utf-8"))
        assert not {"hosts", "publicKeys", "city", "trustedProxies"} & said.keys(), profile.name


def test_every_command_on_a_release_is_given_all_of_its_values() -> None:
    """Helm begins with the chart's own values each time: a list that one command leaves out isn't served any more."""
    told = {
        name: (ROOT / name).read_text("utf-8") for name in ("docs/runbooks/kubernetes.md", "docs/runbooks/backup.md")
    }
    commands = [command for name, text in told.items() for command in commands_of(name, text) if command.whole]
    releases = [command for command in commands if command.words[:2] in (("helm", "install"), ("helm", "upgrade"))]
    # What nobody votes at has no signed fronts.
    releases = [command for command in releases if "deploy/helm/evote/values-dev.yaml" not in command.words]
    assert {command.document for command in releases} == set(told)
    for command in releases:
        given = [value for word, value in pairwise(command.words) if word == "--values"]
        assert given[1:] == ["city.yaml", "manifests.yaml"], command.place
        assert "--set-file" not in command.words, command.place


def test_what_is_taken_of_a_front_to_be_signed_is_given_back_of_the_same_front() -> None:
    name = "docs/runbooks/kubernetes.md"
    python = [one.words for one in commands_of(name, (ROOT / name).read_text("utf-8")) if one.program == "python"]
    taken = [words[3] for words in python if words[2] == "evote_chart.front_config"]
    (written,) = [words[4:] for words in python if words[2] == "evote_chart.front_manifests"]
    assert taken == [word.partition("=")[0] for word in written] == list(FRONTS)


def test_the_incidents_say_of_each_secret_that_the_chart_is_given_what_to_do_when_it_is_stolen() -> None:
    section = (ROOT / "docs/runbooks/incidents.md").read_text("utf-8").partition("\n## A key is compromised\n")[2]
    table = section.partition("\n## ")[0]
    secret = {
        name
        for service in SETTINGS
        for name in fields_of(service)
        if name.endswith(("_key_file", "_pin_file", "_profile_file")) and "_public_" not in name
    }
    assert {name for name in secret if f"`EVOTE_{name.upper()}`" not in table} == set()
    assert {"credential_token_pin_file", "fabric_profile_file"} <= secret
    for other in ("`backup-key`", "`backup.secret`", "`make images KEY=`"):
        assert other in table, other
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")]
    assert next(row[2] for row in rows) == "in the vote"
    assert {row[0]: row[2] for row in rows[1:] if not re.match(r"(yes|no)\b", row[2]) or len(row) != 4} == {}


def _named_in(place: Path) -> set[str]:
    sources = [place] if place.is_file() else sorted(place.iterdir())
    return {name.lower() for source in sources for name in _NAMED.findall(source.read_text("utf-8"))}


def _kinds(annotation: object) -> tuple[object, ...]:
    return get_args(annotation) if isinstance(annotation, types.UnionType) else ()
