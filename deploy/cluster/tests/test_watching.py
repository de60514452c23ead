"""What the test cluster's Prometheus is asked, and what is made of its operator's release."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml
from evote_chart.settings import CHART
from evote_cluster import discovery, watching
from evote_cluster.programs import Missing

ALERTS = {
    rule["alert"]: rule["expr"]
    for group in yaml.safe_load((CHART / "files/rules/alerts.yml").read_text())["groups"]
    for rule in group["rules"]
}


def test_no_alert_on_postgresql_stays_untried() -> None:
    assert {alert for alert, query in ALERTS.items() if watching.FOREIGN.search(query)} == {*watching.OF_DATABASES}


@pytest.mark.parametrize("alert", [*watching.OF_DATABASES, watching.UNREADY])
def test_what_an_alert_judges_is_asked_without_its_threshold(alert: str) -> None:
    measured = watching.before_the_threshold(ALERTS[alert])
    assert ALERTS[alert].startswith(measured)
    assert ALERTS[alert].removeprefix(measured).split()[0] in {"==", "<", ">"}


def test_an_alert_without_a_threshold_is_told_of() -> None:
    with pytest.raises(Missing, match="no threshold"):
        watching.before_the_threshold("absent(evote_build_info)")


def test_a_releases_own_resources_come_into_our_namespace(tmp_path: Path) -> None:
    subject = {"kind": "ServiceAccount", "name": "prometheus", "namespace": "default"}
    files = {
        "service-account": {"kind": "ServiceAccount", "metadata": {"name": "prometheus"}},
        "cluster-role": {"kind": "ClusterRole", "metadata": {"name": "prometheus"}, "rules": []},
        "cluster-role-binding": {"kind": "ClusterRoleBinding", "metadata": {"name": "x"}, "subjects": [subject]},
    }
    for name, resource in files.items():
        (tmp_path / f"prometheus-{name}.yaml").write_text(yaml.safe_dump(resource))
    account, role, binding = watching.moved(tmp_path, "prometheus", ("service-account", "cluster-role"))
    assert account["metadata"]["namespace"] == watching.SYSTEM
    assert "namespace" not in role["metadata"]
    assert binding["subjects"] == [{**subject, "namespace": watching.SYSTEM}]


def test_a_pod_is_named_as_prometheus_would_name_it() -> None:
    pod = {
        "metadata": {"name": "evote-auth-1", "namespace": "evote", "labels": {"app.kubernetes.io/name": "auth"}},
        "spec": {"containers": [{"name": "auth", "ports": [{"name": "management", "containerPort": 8001}]}]},
        "status": {"phase": "Running", "podIP": "10.244.0.9"},
    }
    (found,) = discovery.targets([pod, {**pod, "status": {"phase": "Pending"}}])
    assert found["targets"] == ["10.244.0.9:8001"]
    assert found["labels"] == {
        "__meta_kubernetes_namespace": "evote",
        "__meta_kubernetes_pod_name": "evote-auth-1",
        "__meta_kubernetes_pod_phase": "Running",
        "__meta_kubernetes_pod_label_app_kubernetes_io_name": "auth",
        "__meta_kubernetes_pod_labelpresent_app_kubernetes_io_name": "true",
        "__meta_kubernetes_pod_container_name": "auth",
        "__meta_kubernetes_pod_container_port_name": "management",
    }
