"""The committed OpenAPI documents against the code: a change of what clients rely on shows in docs/openapi."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Any

import pytest
from evote_officers.acts import ACTS
from evote_platform.program import Program

FOLDER = Path(__file__).parents[2] / "docs" / "openapi"
SERVICES = ("auth", "biometric", "ballot", "ledger-anchor", "tally")


def program(service: str) -> Program[Any]:
    found: Program[Any] = importlib.import_module(f"evote_{service.replace('-', '_')}.main").PROGRAM
    return found


def operations(service: str) -> dict[str, dict[str, Any]]:
    document = json.loads((FOLDER / f"{service}.json").read_text())
    return {
        f"{method.upper()} {path}": it for path, methods in document["paths"].items() for method, it in methods.items()
    }


@pytest.mark.parametrize("service", SERVICES)
def test_the_published_document_is_the_one_of_the_code(service: str, capsys: pytest.CaptureFixture[str]) -> None:
    """Run ``make openapi``, and look at what it changed: any release runs beside the one before it."""
    assert program(service).run(["openapi"]) == 0
    assert capsys.readouterr().out == (FOLDER / f"{service}.json").read_text()


def test_there_is_a_document_of_each_service_and_no_other() -> None:
    assert {path.name for path in FOLDER.iterdir()} == {f"{service}.json" for service in SERVICES}


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_names_every_problem_that_its_service_answers_with(service: str) -> None:
    document = json.loads((FOLDER / f"{service}.json").read_text())
    named = {(kind["slug"], kind["status"]) for kind in document["components"]["schemas"]["ProblemDocument"]["x-kinds"]}
    assert named == {(kind.slug, kind.status) for kind in program(service).problems.kinds()}


@pytest.mark.parametrize("service", SERVICES)
def test_a_document_says_which_operations_are_signed_and_every_act_is_one(service: str) -> None:
    found = operations(service)
    commands = {f"{act.method} {act.path.replace(':path}', '}')}" for act in ACTS if act.service == service}
    assert {name for name, operation in found.items() if operation.get("security") == [{"command": []}]} == commands
    for name, operation in found.items():
        if name not in commands and {} not in operation.get("security", []):
            expected = [{"access": []}] if "officer" in operation["tags"] else []
            expected = [{"scraper": []}] if name == "GET /metrics" else expected
            assert operation.get("security", []) == expected, name


def test_the_documents_say_what_auditors_see_before_the_close_and_everybody_after_it() -> None:
    optional = [{"access": []}, {}]
    found = {
        f"{service} {name}"
        for service in SERVICES
        for name, operation in operations(service).items()
        if operation.get("security") == optional
    }
    assert found == {
        "ballot GET /elections/{election_uuid}/ballots",
        "ballot GET /elections/{election_uuid}/ballots/{tracker}",
        "ballot GET /elections/{election_uuid}/status/{tracker}",
        "ledger-anchor GET /tile/entries/{place}",
        "ledger-anchor GET /tile/records/{place}",
        "tally GET /elections/{election_uuid}/archive.bel",
    }
