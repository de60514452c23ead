"""The chart as Helm renders it for each profile, and as Kubernetes reads that: environments, selectors, policies.

`make chart-tools` puts the programs there, and `make test` does first of all; without them these tests are skipped.
"""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
import yaml
from evote_chart.settings import CHART

ROOT = CHART.parents[2]
TOOLS = ROOT / ".tools/chart"
CITY = CHART.parent / "city.example.yaml"
OWN_SERVERS = CHART.parent / "own-servers.example.yaml"
PROFILES = {
    "city-240k": (CHART / "values-city-240k.yaml", CITY),
    "referendum-10k": (CHART / "values-referendum-10k.yaml", CITY),
    "referendum-10k on own servers": (CHART / "values-referendum-10k.yaml", CITY, OWN_SERVERS),
    "school": (CHART / "values-school.yaml", CITY, OWN_SERVERS),
    "dev": (CHART / "values-dev.yaml", CITY, Path(__file__).parent / "without-faces.yaml"),
}
Resource = Mapping[str, Any]
NEEDS_HELM = pytest.mark.skipif(not (TOOLS / "schemas.sum").exists(), reason="make chart-tools builds Helm")


def helm(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([TOOLS / "bin/helm", *words], capture_output=True, text=True, check=False)


def values_of(profile: str) -> list[str]:
    """The profile's files, as Helm is told them."""
    return [word for file in PROFILES[profile] for word in ("--values", str(file))]


@cache
def rendered(profile: str, *more: str) -> tuple[Resource, ...]:
    files = values_of(profile)
    done = helm("template", "evote", str(CHART), "--namespace", "evote", "--kube-version", "1.34.4", *files, *more)
    assert done.returncode == 0, done.stderr
    return tuple(document for document in yaml.safe_load_all(done.stdout) if document)


def of_kind(resources: tuple[Resource, ...], *kinds: str) -> dict[str, Resource]:
    return {one["metadata"]["name"]: one for one in resources if one["kind"] in kinds}


def pods(resources: tuple[Resource, ...]) -> dict[str, Resource]:
    """The pod templates, by the name that policies know them by."""
    workloads = of_kind(resources, "Deployment", "StatefulSet", "Job").values()
    templates: list[Resource] = [one["spec"]["template"] for one in workloads]
    return {template["metadata"]["labels"]["app.kubernetes.io/name"]: template for template in templates}


def environment(container: Resource) -> dict[str, str]:
    """As the kubelet makes it, with a placeholder for what comes of a Secret or the pod."""
    found: dict[str, str] = {}
    for one in container["env"]:
        value = one.get("value", "placeholder")
        # In its order: a dollar that is doubled begins no name, and a name that nothing has before stays as it is.
        found[one["name"]] = re.sub(r"\$(?:\$|\(([^)]*)\))", partial(_expanded, found), value)
    return found


def _expanded(known: dict[str, str], match: re.Match[str]) -> str:
    return "$" if match[1] is None else known.get(match[1], match[0])


def kubeconform(resources: tuple[Resource, ...]) -> subprocess.CompletedProcess[str]:
    schemas = f"{TOOLS}/schemas/{{{{.ResourceKind}}}}{{{{.KindSuffix}}}}.json"
    # Strimzi's own schemas are in no module that could be had; test_kafka_and_postgresql.py reads its resources.
    skipped = "Kafka,KafkaNodePool,KafkaTopic,KafkaUser"
    return subprocess.run(
        [TOOLS / "bin/kubeconform", "-strict", "-skip", skipped, "-schema-location", schemas],
        input=yaml.safe_dump_all(resources),
        capture_output=True,
        text=True,
        check=False,
    )


def give(container: Resource, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """Have this process read its settings as the container would: its environment, and nothing of ours."""
    for name in [name for name in os.environ if name.startswith("EVOTE_")]:
        monkeypatch.delenv(name)
    given = environment(container)
    for name, value in given.items():
        monkeypatch.setenv(name, value)
    return given


# Who stands outside of the release, by labels of namespace and pod; addresses by themselves.
OUTSIDE: Mapping[str, tuple[Mapping[str, str], Mapping[str, str]] | str] = {
    "edge": ({"kubernetes.io/metadata.name": "envoy-gateway-system"}, {"app": "envoy"}),
    "edge inside": ({"kubernetes.io/metadata.name": "envoy-gateway-inside"}, {"app": "envoy"}),
    "prometheus": ({"kubernetes.io/metadata.name": "monitoring"}, {"app.kubernetes.io/name": "prometheus"}),
    "names": ({"kubernetes.io/metadata.name": "kube-system"}, {"k8s-app": "kube-dns"}),
    "operator": ({"kubernetes.io/metadata.name": "cnpg-system"}, {"app.kubernetes.io/name": "cloudnative-pg"}),
    "stranger": ({"kubernetes.io/metadata.name": "other"}, {"app": "x"}),
    "neighbour": ({"kubernetes.io/metadata.name": "evote"}, {"app": "x"}),
    "responder": "192.0.2.10",
    "kubernetes": "192.0.2.20",
    "objects": "192.0.2.30",
    "internet": "203.0.113.1",
    "kafka": (
        {"kubernetes.io/metadata.name": "evote"},
        {"strimzi.io/cluster": "evote-kafka", "strimzi.io/name": "evote-kafka-kafka"},
    ),
    "postgresql": ({"kubernetes.io/metadata.name": "evote"}, {"cnpg.io/cluster": "evote-pg"}),
    "postgresql-biometric": ({"kubernetes.io/metadata.name": "evote"}, {"cnpg.io/cluster": "evote-pg-biometric"}),
}
DATABASES = ("postgresql", "postgresql-biometric")
PORTS = (53, 80, 443, 5432, 6443, 8000, 8001, 8080, 8081, 9090, 9093, 9187)


def arrows(resources: tuple[Resource, ...]) -> set[tuple[str, str, int]]:
    """Who may open a connection to whom at which port, as the policies say: both ends must allow it."""
    release = {
        name: ({"kubernetes.io/metadata.name": "evote"}, template["metadata"]["labels"])
        for name, template in pods(resources).items()
    }
    everybody = {**OUTSIDE, **release}
    policies = list(of_kind(resources, "NetworkPolicy").values())
    return {
        (source, target, port)
        for source in everybody
        for target in everybody
        for port in PORTS
        # An instance of a database has others beside it.
        if (source != target or source.startswith("postgresql"))
        and (source in release or target in release or {source, target} & set(DATABASES))
        and _allowed(policies, "Egress", everybody[source], everybody[target], port)
        and _allowed(policies, "Ingress", everybody[target], everybody[source], port)
    }


def _allowed(policies: list[Resource], way: str, of: Any, other: Any, port: int) -> bool:
    if isinstance(of, str) or of[0]["kubernetes.io/metadata.name"] != "evote":
        return True
    chosen = [
        policy["spec"]
        for policy in policies
        if chooses(policy["spec"]["podSelector"], of[1]) and way in policy["spec"]["policyTypes"]
    ]
    peers = {"Egress": "to", "Ingress": "from"}[way]
    rules = [rule for policy in chosen for rule in policy.get(way.lower(), ())]
    return not chosen or any(
        any(each["port"] == port for each in rule["ports"]) and any(_is(peer, other) for peer in _peers(rule, peers))
        for rule in rules
    )


def _peers(rule: Resource, peers: str) -> Iterator[Resource]:
    # Nobody named would be everybody.
    assert rule[peers]
    yield from rule[peers]


def _is(peer: Resource, other: Any) -> bool:
    if isinstance(other, str) or "ipBlock" in peer:
        return isinstance(other, str) and peer.get("ipBlock", {}).get("cidr") == f"{other}/32"
    namespace = peer.get("namespaceSelector", {"matchLabels": {"kubernetes.io/metadata.name": "evote"}})
    return chooses(namespace, other[0]) and chooses(peer.get("podSelector", {}), other[1])


def chooses(selector: Resource, labels: Mapping[str, str]) -> bool:
    """Whether a selector of Kubernetes is one of such labels."""
    for one in selector.get("matchExpressions", ()):
        assert one["operator"] == "In"
        if labels.get(one["key"]) not in one["values"]:
            return False
    return bool(selector.get("matchLabels", {}).items() <= labels.items())
