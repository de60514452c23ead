"""The policies draw the arrows of the design and no other."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import yaml
from evote_chart.settings import CHART
from evote_eventlog.access import SERVICES

from .rendering import DATABASES, NEEDS_HELM, PROFILES, arrows, helm, rendered, values_of

pytestmark = NEEDS_HELM


def test_the_policies_draw_the_arrows_of_the_design_and_no_other() -> None:
    expected: set[tuple[str, str, int]] = {("auth", "responder", 443)}
    for service in SERVICES:
        database = "postgresql-biometric" if service == "biometric" else "postgresql"
        expected |= {("edge", service, 8000), ("prometheus", service, 8001), (service, "names", 53)}
        expected |= {(service, "kafka", 9093), (service, database, 5432)}
        expected |= {(f"{service}-migration", database, 5432), (f"{service}-migration", "names", 53)}
        # The preflight: how each is, at the port that answers nothing else.
        expected |= {("tally", service, 8001)} if service != "tally" else set()
    for front in ("resident", "board"):
        expected.add(("edge", front, 8080))
    # That a front is there, at a port that nothing else is at.
    expected |= {("prometheus", front, 8081) for front in ("resident", "board", "wall")}
    # The wall, from inside alone; it asks what the public may ask, and Prometheus.
    expected |= {("edge inside", "wall", 8080), ("wall", "names", 53), ("wall", "prometheus", 9090)}
    expected |= {("wall", asked, 8000) for asked in ("ballot", "ledger-anchor", "tally")}
    for database in DATABASES:
        expected |= {("operator", database, 8000), ("prometheus", database, 9187)}
        # One way in, and as few out: names, its own instances, what it is told to be, and its archive.
        expected |= {(database, database, 5432), (database, database, 8000)}
        expected |= {(database, "names", 53), (database, "kubernetes", 6443), (database, "objects", 443)}
    assert arrows(rendered("city-240k")) == expected


def test_auth_and_ballot_never_meet() -> None:
    met = {(source, target) for source, target, _ in arrows(rendered("city-240k"))}
    assert not met & {("auth", "ballot"), ("ballot", "auth"), ("auth", "biometric"), ("biometric", "auth")}


def test_a_policy_that_is_missing_or_too_wide_is_found() -> None:
    resources = rendered("city-240k")
    without = tuple(
        one
        for one in resources
        if one["kind"] != "NetworkPolicy" or one["metadata"]["name"] not in ("evote-ballot", "evote-default-deny")
    )
    assert ("stranger", "ballot", 8000) in arrows(without) - arrows(resources)
    (ballot,) = [
        one for one in resources if one["metadata"]["name"] == "evote-ballot" and one["kind"] == "NetworkPolicy"
    ]
    # A database that may send anywhere, as it may where only its ways in are drawn.
    (main,) = [one for one in resources if one["metadata"]["name"] == "evote-pg" and one["kind"] == "NetworkPolicy"]
    inward = {**main, "spec": {**main["spec"], "policyTypes": ["Ingress"]}}
    open_out = tuple(inward if one is main else one for one in resources)
    assert {("postgresql", "internet", 443), ("postgresql", "stranger", 80)} <= arrows(open_out) - arrows(resources)
    other = json.loads(json.dumps(ballot))
    other["metadata"]["name"] = "more"
    other["spec"]["ingress"] = [{"from": [{"podSelector": {"matchLabels": {}}}], "ports": [{"port": 8000}]}]
    assert ("neighbour", "ballot", 8000) in arrows((*resources, other))


@pytest.mark.parametrize("profile", PROFILES)
def test_no_service_of_a_profile_reaches_another_ones_door(profile: str) -> None:
    services = set(SERVICES) | {"resident", "board", "wall"}
    inner = [arrow for arrow in arrows(rendered(profile)) if arrow[0] in services and arrow[1] in services]
    assert {(source, port) for source, _, port in inner} == {("tally", 8001), ("wall", 8000)}


def test_without_a_wall_there_is_nothing_of_it_and_nobody_has_its_arrows() -> None:
    resources = rendered("city-240k", "--set", "wall.enabled=false,hosts.wall=null")
    assert not [one for one in resources if "wall" in one["metadata"]["name"]]
    with_it = arrows(rendered("city-240k"))
    assert arrows(resources) == {arrow for arrow in with_it if "wall" not in arrow[:2]}


def test_all_of_ipv4_written_as_ipv6_is_everybody_too(tmp_path: Path) -> None:
    file = tmp_path / "mapped.yaml"
    file.write_text(yaml.safe_dump({"network": {"dns": [{"cidr": "::ffff:0:0/96"}]}}))
    done = helm("template", "evote", str(CHART), *values_of("city-240k"), "--values", str(file))
    assert "network.dns: ::ffff:0:0/96 holds everybody" in done.stderr
