"""What Prometheus and Grafana are given: rules, monitors, dashboards."""

from __future__ import annotations

import json

import pytest
import yaml
from evote_chart.settings import CHART
from evote_eventlog.access import SERVICES

from .rendering import NEEDS_HELM, PROFILES, ROOT, Resource, of_kind, pods, rendered

pytestmark = NEEDS_HELM


def test_the_rules_of_the_repository_are_given_to_an_operator_of_prometheus_and_to_nobody_else() -> None:
    rules = of_kind(rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1"), "PrometheusRule")
    files = sorted((ROOT / "deploy/monitoring/rules").glob("*.yml"))
    assert files
    for file in files:
        assert rules[f"evote-{file.stem}"]["spec"] == yaml.safe_load(file.read_text("utf-8"))
    assert len(rules) == len(files) + 1
    assert not of_kind(rendered("city-240k"), "PrometheusRule", "PodMonitor")


@pytest.mark.parametrize("profile", PROFILES)
def test_how_many_replicas_there_are_to_be_is_told_of_each_service_and_page(profile: str) -> None:
    resources = rendered(profile, "--api-versions", "monitoring.coreos.com/v1")
    (group,) = of_kind(resources, "PrometheusRule")["evote-replicas"]["spec"]["groups"]
    told = {rule["labels"]["service"]: rule["expr"] for rule in group["rules"]}
    assert {rule["record"] for rule in group["rules"]} == {"evote_replicas_floor"}
    workloads = of_kind(resources, "Deployment", "StatefulSet")
    floors = {name: one["spec"].get("replicas") for name, one in workloads.items()}
    for scaler in of_kind(resources, "HorizontalPodAutoscaler").values():
        floors[scaler["spec"]["scaleTargetRef"]["name"]] = scaler["spec"]["minReplicas"]
    assert {f"evote-{service}": expr for service, expr in told.items()} == {
        name: f"vector({floor})" for name, floor in floors.items()
    }


def test_numbers_of_the_databases_say_which_one_they_are_of() -> None:
    monitors = of_kind(rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1"), "PodMonitor")
    (endpoint,) = monitors["evote-postgresql"]["spec"]["podMetricsEndpoints"]
    # Rules group by it, and of most numbers CloudNativePG's exporter doesn't say it.
    assert endpoint["relabelings"] == [
        {"sourceLabels": ["__meta_kubernetes_pod_label_cnpg_io_cluster"], "targetLabel": "cluster"}
    ]


def test_each_database_with_standbys_is_asked_who_is_in_sync_and_one_without_is_not() -> None:
    # On the PostgreSQL of one's own and where one instance is wanted there is no synchronous standby to miss.
    kept = (CHART / "files/queries.yaml").read_text("utf-8")
    resources = rendered("city-240k")
    clusters = of_kind(resources, "Cluster")
    assert set(clusters) == {"evote-pg", "evote-pg-biometric"}
    for name, cluster in clusters.items():
        queries = of_kind(resources, "ConfigMap")[f"{name}-queries"]
        assert cluster["spec"]["monitoring"] == {
            "customQueriesConfigMap": [{"name": f"{name}-queries", "key": "queries.yaml"}]
        }
        assert yaml.safe_load(queries["data"]["queries.yaml"]) == yaml.safe_load(kept)
        assert queries["metadata"]["labels"]["cnpg.io/reload"] == ""
    alone = rendered("city-240k", "--set", "environment=test,postgresql.cloudnativepg.instances=1")
    assert not [one for one in of_kind(alone, "Cluster").values() if "monitoring" in one["spec"]]
    assert not [name for name in of_kind(alone, "ConfigMap") if name.endswith("-queries")]


def test_an_alert_names_the_whole_address_of_its_runbook_where_documents_are_served() -> None:
    known = ("--api-versions", "monitoring.coreos.com/v1")
    served = rendered("city-240k", *known, "--set", "monitoring.runbooksUrl=https://docs.city.example/evote")
    said = 0
    for name, rules in of_kind(served, "PrometheusRule").items():
        plain = of_kind(rendered("city-240k", *known), "PrometheusRule")[name]
        for group, as_it_was in zip(rules["spec"]["groups"], plain["spec"]["groups"], strict=True):
            for rule, before in zip(group["rules"], as_it_was["rules"], strict=True):
                if "alert" in rule:
                    path = before["annotations"].pop("runbook_url")
                    assert rule["annotations"].pop("runbook_url") == f"https://docs.city.example/evote/{path}"
                    said += 1
                assert rule == before
    assert said


def test_the_dashboards_of_the_repository_are_given_to_grafana_where_the_city_says_so() -> None:
    made = of_kind(rendered("city-240k", "--set", "monitoring.dashboards=true"), "ConfigMap")
    files = sorted((ROOT / "deploy/monitoring/dashboards").glob("*.json"))
    assert files
    for file in files:
        config = made[f"evote-dashboard-{file.stem}"]
        assert config["metadata"]["labels"]["grafana_dashboard"] == "1"
        assert json.loads(config["data"][file.name]) == json.loads(file.read_text("utf-8"))
    assert not [name for name in of_kind(rendered("city-240k"), "ConfigMap") if "dashboard" in name]


def test_each_replica_of_each_service_is_asked_for_its_metrics_with_the_rosters_token() -> None:
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1")
    monitor = of_kind(resources, "PodMonitor")["evote-services"]["spec"]
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["authorization"]["credentials"] == {"name": "evote-metrics-token", "key": "token"}
    (services,) = monitor["selector"]["matchExpressions"]
    assert set(services["values"]) == set(SERVICES)
    for service in SERVICES:
        _asked(pods(resources)[service], monitor)


def _asked(pod: Resource, monitor: Resource) -> None:
    """That the monitor chooses such a pod, and asks at a port that it has."""
    assert monitor["selector"]["matchLabels"].items() <= pod["metadata"]["labels"].items()
    (endpoint,) = monitor["podMetricsEndpoints"]
    assert endpoint["port"] in {one["name"] for one in pod["spec"]["containers"][0]["ports"]}


@pytest.mark.parametrize("wall", [True, False])
def test_each_replica_of_each_page_is_asked_whether_it_is_there(wall: bool) -> None:
    without = () if wall else ("--set", "wall.enabled=false,hosts.wall=null")
    resources = rendered("city-240k", "--api-versions", "monitoring.coreos.com/v1", *without)
    monitor = of_kind(resources, "PodMonitor")["evote-fronts"]["spec"]
    (fronts,) = monitor["selector"]["matchExpressions"]
    assert set(fronts["values"]) == {"resident", "board"} | ({"wall"} if wall else set())
    for front in fronts["values"]:
        _asked(pods(resources)[front], monitor)
        (port,) = of_kind(resources, "Service")[f"evote-{front}"]["spec"]["ports"]
        assert port["targetPort"] == "http", "the public is led to no other port"
