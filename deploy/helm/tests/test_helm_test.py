"""What `helm test` asks of the installed release, each from its service's place."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
import yaml
from evote_eventlog.access import SERVICES

from .rendering import NEEDS_HELM, arrows, chooses, give, of_kind, pods, rendered

pytestmark = NEEDS_HELM


def test_the_installed_release_is_asked_for_its_arrows_from_each_services_place() -> None:
    resources = rendered("city-240k")
    drawn = arrows(resources)
    asked: dict[str, list[str]] = {}
    for pod in of_kind(resources, "Pod").values():
        spec, labels = pod["spec"], pod["metadata"]["labels"]
        service = labels["app.kubernetes.io/name"].removesuffix("-arrows")
        (container,) = spec["containers"]
        asked[service] = container["args"][1:]
    assert set(asked) == set(SERVICES)
    for service, ends in asked.items():
        for end in ends:
            kind, _, place = end.partition("=")
            target = _target(place.removeprefix("http://").removesuffix("/statusz"))
            assert ((service, *target) in drawn) == (kind in ("reach", "well")), end
        assert "refused=evote-auth:80" in ends or service == "auth"


def test_the_pods_of_helm_test_have_their_services_arrows_and_nobody_takes_them_for_replicas() -> None:
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1")
    tests = [pod["metadata"]["labels"] for pod in of_kind(resources, "Pod").values()]
    assert len(tests) == len(SERVICES)
    workloads = of_kind(resources, "Deployment", "StatefulSet", "PodDisruptionBudget").values()
    selectors = [one["spec"]["selector"] for one in workloads]
    selectors += [one["spec"]["selector"] for one in of_kind(resources, "PodMonitor").values()]
    selectors += [{"matchLabels": one["spec"]["selector"]} for one in of_kind(resources, "Service").values()]
    assert not [labels for labels in tests for selector in selectors if chooses(selector, labels)]
    for labels in tests:
        own = pods(resources)[labels["app.kubernetes.io/name"].removesuffix("-arrows")]["metadata"]["labels"]
        known = 0
        for policy in of_kind(resources, "NetworkPolicy").values():
            spec = policy["spec"]
            rules = [*spec.get("ingress", ()), *spec.get("egress", ())]
            peers = [
                peer["podSelector"]
                for rule in rules
                for peer in rule.get("from", rule.get("to", ()))
                if "podSelector" in peer
            ]
            for selector in (spec["podSelector"], *peers):
                assert chooses(selector, labels) == chooses(selector, own), policy["metadata"]["name"]
                known += chooses(selector, own)
        assert known > 2
        (kafka,) = of_kind(resources, "Kafka").values()
        (listener,) = kafka["spec"]["kafka"]["listeners"]
        assert any(chooses(peer["podSelector"], labels) for peer in listener["networkPolicyPeers"])


def test_a_database_at_an_address_of_ipv6_is_one_for_services_and_helm_test(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "ipv6.yaml"
    main = {"host": "[::1]", "peers": [{"cidr": "2001:db8::1/128"}]}
    file.write_text(yaml.safe_dump({"postgresql": {"external": {"main": main}}}))
    resources = rendered("referendum-10k on own servers", "--values", str(file))
    (container,) = of_kind(resources, "Pod")["evote-auth-arrows"]["spec"]["containers"]
    assert "reach=[::1]:5432" in container["args"]
    (container,) = pods(resources)["auth"]["spec"]["containers"]
    given = give(container, monkeypatch)
    assert httpx.URL(given["EVOTE_DATABASE_URL"]).host == "::1"


def _target(place: str) -> tuple[str, int]:
    host, _, port = place.rpartition(":")
    known = {"evote-pg-rw": "postgresql", "evote-pg-biometric-rw": "postgresql-biometric"}
    if host in known:
        return known[host], int(port)
    if host.startswith("evote-kafka"):
        return "kafka", int(port)
    name = host.removeprefix("evote-")
    return name.removesuffix("-management"), 8000 if port == "80" else int(port)
