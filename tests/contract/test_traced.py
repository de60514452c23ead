"""What has a span, and what a span may say, over all services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from evote_auth.main import PROGRAM as AUTH
from evote_ballot.main import PROGRAM as BALLOT
from evote_biometric.main import PROGRAM as BIOMETRIC
from evote_eventlog.topics import Topic
from evote_ledger_anchor.main import PROGRAM as LEDGER_ANCHOR
from evote_platform.bodylimit import GuardedRoute
from evote_platform.cross_origin import FrontRoute
from evote_platform.tracing import ALLOWED_ATTRIBUTES, TRACED
from evote_tally.main import PROGRAM as TALLY

COLLECTOR = Path(__file__).parents[2] / "deploy/monitoring/collector"
PROGRAMS = {program.service: program for program in (AUTH, BALLOT, BIOMETRIC, LEDGER_ANCHOR, TALLY)}
OF_ALL_VOTERS = {("auth", "/elections/{election_uuid}/roll"), ("auth", "/elections/{election_uuid}/roll/freeze")}


def traced() -> Iterator[tuple[str, GuardedRoute]]:
    for service, program in PROGRAMS.items():
        for router in program.routers:
            for route in router.routes:
                assert isinstance(route, GuardedRoute)
                if any(inner.call is TRACED for inner in route.dependant.dependencies):
                    yield service, route


def test_no_route_that_a_voter_or_the_public_comes_by_is_traced() -> None:
    found = list(traced())
    assert found
    for service, route in found:
        assert not isinstance(route, FrontRoute), route.path
        assert set(route.tags) <= {"officer", "trustee"}, route.path
        # In the services of the vote an officer acts on voters one by one, too: what may be traced is named here.
        assert service == "tally" or (service, route.path) in OF_ALL_VOTERS, route.path


def test_all_commands_of_officers_to_tally_are_traced() -> None:
    of_tally = {route.path for service, route in traced() if service == "tally"}
    asked = {route.path for router in TALLY.routers for route in router.routes if isinstance(route, GuardedRoute)}
    public = {route.path for router in TALLY.routers for route in router.routes if isinstance(route, FrontRoute)}
    assert of_tally >= asked - public


def test_the_collector_passes_what_a_span_may_say_and_nothing_else() -> None:
    written = yaml.safe_load((COLLECTOR / "otelcol.yaml").read_text("utf-8"))
    assert set(written["processors"]["allowed"]["attributes"]) == ALLOWED_ATTRIBUTES
    assert set(written["service"]["pipelines"]) == {"traces"}
    assert written["service"]["pipelines"]["traces"]["processors"][-1] == "allowed"


def test_the_example_for_kubernetes_says_all_that_the_collectors_configuration_asks() -> None:
    asked = set(re.findall(r"\$\{env:([A-Z_]+)\}", (COLLECTOR / "otelcol.yaml").read_text("utf-8")))
    deployment, *_ = yaml.safe_load_all((COLLECTOR / "kubernetes.example.yaml").read_text("utf-8"))
    (container,) = deployment["spec"]["template"]["spec"]["containers"]
    assert {one["name"] for one in container["env"]} == asked


def test_no_span_has_a_name_that_the_collector_takes_for_a_number_of_somebody() -> None:
    names = {f"{route.methods} {route.path}" for _, route in traced()} | {f"publish {topic.value}" for topic in Topic}
    assert not [name for name in names if re.search("[0-9]", name)]
    assert max(map(len, names)) <= int(
        re.findall(r"const longest = (\d+)", (COLLECTOR / "allowed/allowed.go").read_text())[0]
    )
