"""What the test cluster's Prometheus is asked, and what is made of its operator's release."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
from collections.abc import Iterator
from functools import partial
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Barrier, Thread
from typing import Any

import pytest
import yaml
from evote_chart.settings import CHART
from evote_cluster import cloudnativepg, discovery, faults, nodes, probes, watching
from evote_cluster.programs import Missing
from evote_cluster.story import Loss
from evote_local.nodes.prometheus import Prometheus

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


AUTH: dict[str, Any] = {
    "metadata": {"name": "evote-auth-1"},
    "spec": {
        "containers": [
            {"ports": [{"name": "http", "containerPort": 8000}, {"name": "management", "containerPort": 8001}]}
        ]
    },
    "status": {"phase": "Running", "podIP": "10.244.0.9"},
}
DATABASE = {
    "metadata": {"name": "evote-pg-1"},
    "spec": {
        "containers": [
            {
                "ports": [
                    {"name": "postgresql", "containerPort": 5432},
                    {"name": "metrics", "containerPort": 9187},
                    {"name": "status", "containerPort": 8000},
                ]
            }
        ]
    },
    "status": {"phase": "Running", "podIP": "10.244.1.4"},
}
FRONT = {
    "metadata": {"name": "evote-resident-1"},
    "spec": {
        "containers": [{"ports": [{"name": "http", "containerPort": 8080}, {"name": "metrics", "containerPort": 8081}]}]
    },
    "status": {"phase": "Running", "podIP": "10.244.2.7"},
}


def test_prometheus_may_reach_metrics_and_no_other_port() -> None:
    migration = {**AUTH, "status": {"phase": "Succeeded"}}
    leaving = {**AUTH, "metadata": {"name": "evote-auth-0", "deletionTimestamp": "2026-11-30T00:00:00Z"}}
    places = probes.arrows("Prometheus", [AUTH, DATABASE, FRONT, migration, leaving], watching.may_read)
    assert {place: allowed for place, (_, allowed) in places.items()} == {
        "10.244.0.9:8000": False,
        "10.244.0.9:8001": True,
        "10.244.1.4:5432": False,
        "10.244.1.4:9187": True,
        "10.244.1.4:8000": False,
        "10.244.2.7:8080": False,
        "10.244.2.7:8081": True,
    }


def test_an_instance_may_reach_the_others_of_its_cluster_where_they_follow_it_and_nothing_else() -> None:
    def labelled(pod: dict[str, Any], cluster: str, address: str) -> dict[str, Any]:
        metadata = {"name": f"{cluster}-1", "labels": {"cnpg.io/cluster": cluster}}
        return {**pod, "metadata": metadata, "status": {**pod["status"], "podIP": address}}

    own, faces = (
        labelled(DATABASE, name, f"10.244.1.{n}") for n, name in enumerate(("evote-pg", "evote-pg-biometric"))
    )
    places = probes.arrows(
        "evote-pg's primary", [AUTH, own, faces, FRONT], partial(cloudnativepg.may_follow, "evote-pg")
    )
    assert [place for place, (_, allowed) in places.items() if allowed] == ["10.244.1.0:5432", "10.244.1.0:8000"]
    assert len(places) == 2 + 3 + 3 + 2


def test_what_checks_tell_side_by_side_is_told_and_what_is_wrong_with_one_is_raised() -> None:
    together = Barrier(2, timeout=30)

    def check(*told: str) -> Iterator[str]:
        together.wait()
        yield from told

    assert sorted(probes.side_by_side(lambda: check("a", "b"), lambda: check("c"))) == ["a", "b", "c"]

    def wrong() -> Iterator[str]:
        yield "ballot to PostgreSQL: reached"
        raise Missing("ballot to auth: reached, and must be denied")

    with pytest.raises(Missing, match="must be denied"):
        list(probes.side_by_side(wrong, lambda: iter(("the edge to evote-auth: reached",))))


def test_helms_tests_and_an_operators_pod_are_no_replicas(monkeypatch: pytest.MonkeyPatch) -> None:
    labels = {"app.kubernetes.io/instance": "evote", "app.kubernetes.io/name": "auth"}
    replica = {"name": "evote-auth-1", "labels": labels, "ownerReferences": [{"kind": "ReplicaSet"}]}
    items = [
        {"metadata": metadata, "status": {"phase": "Running"}}
        for metadata in (replica, {"name": "evote-auth-arrows", "labels": labels})
    ]
    monkeypatch.setattr(nodes, "kubectl", lambda *_: json.dumps({"items": items}))
    assert faults.pods("auth") == ["evote-auth-1"]


def test_all_ports_are_tried_at_once_and_again_until_those_that_are_allowed_are_reached(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    tries: list[tuple[str, ...]] = []

    def kubectl(*words: str) -> str:
        if "get" in words:
            return json.dumps({"items": [{**AUTH, "metadata": {**AUTH["metadata"], "namespace": "evote"}}]})
        tries.append(words[-3:])
        # The first time the network doesn't know the pod yet.
        known = {"10.244.0.9:8001", "10.0.0.1:53"} if len(tries) == 2 else set[str]()
        return "".join(f"{place} {'reached' if place in known else 'denied'}\n" for place in words[-3:])

    monkeypatch.setattr(nodes, "kubectl", kubectl)
    told = list(
        probes.reach("Prometheus", ("monitoring", "p", "c"), watching.may_read, {"10.0.0.1:53": ("names", True)})
    )
    assert told == [
        "Prometheus to evote-auth-1's port http: denied",
        "Prometheus to evote-auth-1's port management: reached",
        "Prometheus to names: reached",
    ]
    assert tries == [("10.244.0.9:8000", "10.244.0.9:8001", "10.0.0.1:53")] * 2


@pytest.mark.parametrize("outcomes", [{"8000": "reached"}, {"8001": "denied"}, {"8001": None}])
def test_an_arrow_that_is_not_as_it_must_be_is_told_of(outcomes: dict[str, str | None]) -> None:
    places = probes.arrows("Prometheus", [AUTH], watching.may_read)
    good = {"10.244.0.9:8000": "denied", "10.244.0.9:8001": "reached"}
    assert len(list(probes.judge(places, good))) == 2
    found = {**good, **{f"10.244.0.9:{port}": outcome for port, outcome in outcomes.items()}}
    with pytest.raises(Missing, match="evote-auth-1's port"):
        list(probes.judge(places, {place: outcome for place, outcome in found.items() if outcome}))


def test_what_is_reached_is_told_from_what_is_not() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listening, socket.create_server(("127.0.0.1", 0)) as other:
        there, gone = (f"127.0.0.1:{one.getsockname()[1]}" for one in (listening, other))
        other.close()
        told = subprocess.run(
            ["bash", "-c", probes.REACH, "bash", there, gone],
            capture_output=True,
            text=True,
            check=True,
        )
    assert sorted(told.stdout.splitlines()) == sorted([f"{there} reached", f"{gone} denied"])


RULES = """
groups:
  - name: test
    rules:
      - {alert: EvoteWatchdog, expr: vector(1)}
      - {alert: EvoteSequencersNotOne, expr: sum(evote_ledger_leading) != 1}
"""


def test_what_the_operator_writes_later_is_taken_too(tmp_path: Path) -> None:
    def write(job: str) -> None:
        text = f"scrape_configs:\n- job_name: {job}\n  kubernetes_sd_configs:\n  - role: pod\n  scheme: http\n"
        (tmp_path / "prometheus.env.yaml").write_text(text)

    program, own = tmp_path / "prometheus", tmp_path / "config"
    # It tells what it reads when it starts and each time that it is to read anew.
    shown = f"grep -v scrape {own}.yaml; echo"
    program.write_text(f"#!/bin/sh\ntrap '{shown}' HUP\n{shown}\nwhile sleep 0.1; do :; done\n")
    program.chmod(0o755)
    # https://kubernetes.io/docs/tasks/inject-data-application/define-command-argument-container/
    *shell, script, name = [word.replace("$$", "$") for word in watching.command()]
    start = script.replace("/etc/prometheus/config_out", str(tmp_path)).replace("/usr/bin/prometheus", str(program))
    start = start.replace("/prometheus/config", str(own))
    write("evote/services")
    running = subprocess.Popen(
        # A shell can't trap what was ignored when it began, as under nohup.
        ["env", "--default-signal=HUP", *shell, start, name, "--config.file=/x"],
        env={**os.environ, "PODS": "http://there/"},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    assert running.stdout is not None
    try:
        for job in ("evote/services", "evote/wall"):
            told = list(iter(lambda lines=running.stdout: lines.readline() or "\n", "\n"))
            expected = [
                f"- job_name: {job}",
                "  http_sd_configs:",
                "  - url: http://there/",
                "    refresh_interval: 5s",
                "  scheme: http",
            ]
            assert [line.rstrip("\n") for line in told] == expected
            write("evote/wall")
    finally:
        os.killpg(running.pid, signal.SIGKILL)
        running.wait()


def test_it_is_seen_who_leads_and_which_alerts_fire_and_which_have(tmp_path: Path) -> None:
    leading = {"evote-ledger-anchor-0": 1, "evote-ledger-anchor-1": 1}

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            text = "".join(f'evote_ledger_leading{{pod="{pod}"}} {value}\n' for pod, value in leading.items())
            self.send_response(200)
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: Any) -> None:
            """Nobody reads it."""

    rules = tmp_path / "rules.yml"
    rules.write_text(RULES)
    both = {"EvoteWatchdog", "EvoteSequencersNotOne"}
    with ThreadingHTTPServer(("127.0.0.1", 0), Answer) as server:
        Thread(target=server.serve_forever, daemon=True).start()
        target = f"127.0.0.1:{server.server_port}"
        prometheus = Prometheus(tmp_path / "prometheus", targets=[target], token="none", rules=[rules])
        prometheus.start()
        try:
            watch = watching.Watch(prometheus.url)
            nodes.until(lambda: watch.firing() == both, "two lead, and it fires", 60)
            assert watch.leading() == set(leading)
            leading["evote-ledger-anchor-0"] = 0
            watch.wait_leads("evote-ledger-anchor-1")
            nodes.until(lambda: watch.firing() == {"EvoteWatchdog"}, "one leads, and it fires no more", 60)
            assert watch.fired() == both
        finally:
            prometheus.stop()
            server.shutdown()


def test_no_fault_explains_that_the_vote_is_not_whole() -> None:
    files = [CHART / "files/rules" / name for name in ("alerts.yml", "slos.yml")]
    rules = [group for file in files for group in yaml.safe_load(file.read_text())["groups"]]
    (integrity,) = ({rule["alert"] for rule in group["rules"]} for group in rules if group["name"] == "evote-integrity")
    known = {rule["alert"] for group in rules for rule in group["rules"] if "alert" in rule}
    own = faults.all_faults(None, {}, {}, "", print)  # type: ignore[arg-type]
    happenings = [*own, *cloudnativepg.faults([cloudnativepg.MAIN, cloudnativepg.FACES])]
    explained = frozenset().union(
        *(one.fires for one in happenings), Loss.fires, *map(watching.drilled, ([], ["evote-pg"]))
    )
    assert explained <= known
    assert explained & integrity == {"EvoteMonitorBlind"}
    for alert in integrity - {"EvoteMonitorBlind"}:
        assert watching.unexplained({watching.WATCHDOG, alert, "EvoteServiceUnready"}, explained) == [alert]


def test_a_drain_and_an_upgrade_page_nobody() -> None:
    own = faults.all_faults(None, {}, {}, "", print)  # type: ignore[arg-type]
    assert [one.name for one in own if not one.fires] == [
        *("a replica of ballot is killed", "node2 is drained", "upgrade to the next release"),
        *("more replicas of ballot by load", "fewer replicas of ballot again"),
    ]


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
