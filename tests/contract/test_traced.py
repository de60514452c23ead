"""What has a span, and what a span may say, over all services."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import yaml
from evote_auth.main import PROGRAM as AUTH
from evote_ballot.main import PROGRAM as BALLOT
from evote_biometric.main import PROGRAM as BIOMETRIC
from evote_ledger_anchor.main import PROGRAM as LEDGER_ANCHOR
from evote_platform.bodylimit import GuardedRoute
from evote_platform.cross_origin import FrontRoute
from evote_platform.tracing import ALLOWED_ATTRIBUTES, TRACED
from evote_tally.main import PROGRAM as TALLY

COLLECTOR = Path(__file__).parents[2] / "deploy/monitoring/collector/otelcol.yaml"
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
    written = yaml.safe_load(COLLECTOR.read_text("utf-8"))
    passing = written["processors"]["transform/allowed"]["trace_statements"]
    said = [statement for group in passing for statement in group["statements"]]
    of_spans = next(statement for statement in said if statement.startswith("keep_keys(span.attributes"))
    assert set(re.findall(r'"([^"]+)"', of_spans)) == ALLOWED_ATTRIBUTES
    assert written["service"]["pipelines"]["traces"]["processors"].index("transform/allowed") >= 0
