"""Whom alerts reach by ``deploy/monitoring/alertmanager.example.yml``: Debian's Alertmanager delivers to ours."""

from __future__ import annotations

import json
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
import yaml
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.nodes.processes import ChildProcess
from evote_local.testbed import wait_until

from .test_alert_labels import BORNE

MONITORING = Path(__file__).parents[2] / "deploy/monitoring"
EXAMPLE = MONITORING / "alertmanager.example.yml"
ALERTS = [
    rule
    for file in sorted((MONITORING / "rules").glob("*.yml"))
    for group in yaml.safe_load(file.read_text())["groups"]
    for rule in group["rules"]
    if "alert" in rule
]
_WITHIN_S = 120.0
_RECEIVERS = {"page": "page", "ticket": "ticket", "none": "heartbeat"}


def _amtool(*words: str) -> str:
    done = subprocess.run(["amtool", *words], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_alertmanager_takes_the_example() -> None:
    assert "SUCCESS" in _amtool("check-config", str(EXAMPLE))


@pytest.mark.parametrize("severity", _RECEIVERS)
def test_each_alert_reaches_whom_its_severity_says(severity: str) -> None:
    names = {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] == severity}
    assert names
    told = {
        name: _amtool(
            *("config", "routes", "test", f"--config.file={EXAMPLE}"),
            *(f"alertname={name}", f"severity={severity}", "service=auth"),
        ).strip()
        for name in names
    }
    assert told == dict.fromkeys(names, _RECEIVERS[severity])


def test_what_is_held_back_is_named_as_the_rules_name_it() -> None:
    rules = yaml.safe_load(EXAMPLE.read_text())["inhibit_rules"]
    named = set(re.findall(r"\bEvote\w+", json.dumps(rules)))
    assert len(named) >= 4
    assert named <= {rule["alert"] for rule in ALERTS}


class _Desk:
    """Who is reached: what came at each receiver's address."""

    def __init__(self) -> None:
        self.came: dict[str, set[tuple[str, str]]] = {name: set() for name in _RECEIVERS.values()}
        """The alert's name, and its service."""
        self.runbooks: set[str] = set()
        desk = self

        class Answer(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                told = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                for alert in told["alerts"]:
                    labels = alert["labels"]
                    desk.came[self.path.removeprefix("/")].add((labels["alertname"], labels.get("service", "")))
                    desk.runbooks.add(alert["annotations"]["runbook_url"])
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                """Nobody reads it."""

        self.server = ThreadingHTTPServer((LOOPBACK, 0), Answer)

    def configuration(self) -> str:
        """The example, with this desk in the place of the city's three."""
        here = f"http://{LOOPBACK}:{self.server.server_port}"
        text, replaced = EXAMPLE.read_text(), 0
        for cities, receiver in (("pager", "page"), ("tickets", "ticket"), ("heartbeat", "heartbeat")):
            text, found = re.subn(rf"https://{cities}\.city\.example/evote$", f"{here}/{receiver}", text, flags=re.M)
            replaced += found
        assert replaced == 3
        return text


@pytest.fixture
def desk() -> Iterator[_Desk]:
    made = _Desk()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


@pytest.fixture
def alertmanager(desk: _Desk, tmp_path: Path) -> Iterator[str]:
    """Its address."""
    (tmp_path / "alertmanager.yml").write_text(desk.configuration())
    url = f"http://{LOOPBACK}:{free_port()}"
    command = ["prometheus-alertmanager", f"--config.file={tmp_path / 'alertmanager.yml'}"]
    command += [f"--storage.path={tmp_path / 'data'}", "--cluster.listen-address="]
    command += [f"--web.listen-address={url.removeprefix('http://')}"]
    process = ChildProcess("alertmanager", command, log_path=tmp_path / "alertmanager.log")
    try:
        process.wait_until(lambda: _answers(url), timeout_s=60)
        yield url
    finally:
        process.stop()


def _answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/-/ready", timeout=2).status_code == 200
    except httpx.TransportError:
        return False


def _fired(name: str, **labels: str) -> Mapping[str, Any]:
    """As Prometheus sends it: with labels that the alert bears."""
    assert labels.keys() <= BORNE[name]
    rule = next(rule for rule in ALERTS if rule["alert"] == name)
    own = {"alertname": name, "severity": rule["labels"]["severity"], **labels}
    return {"labels": own, "annotations": rule["annotations"]}


@pytest.mark.slow
def test_a_page_a_ticket_and_the_heartbeat_arrive_and_what_says_nothing_more_does_not(
    alertmanager: str, desk: _Desk
) -> None:
    held_back = [
        _fired("EvoteServiceUnready", service="auth", check="kafka"),
        _fired("EvoteSequencerFlaps"),
        _fired("EvoteReplicaUnready", service="ballot", instance="a:1", check="kafka"),
        _fired("EvoteReplicaDown", service="auth", instance="a:1", job="all"),
        _fired("EvoteFaceWorkersAway", service="biometric", instance="a:1"),
        _fired("EvoteStandbyMissing", cluster="evote-pg"),
        _fired("EvoteCertificateEndsSoon", service="tally", what="kafka-client"),
        _fired("EvoteRosterEndsSoon", entry="scraper"),
    ]
    told = [
        _fired("EvoteServiceAbsent", service="auth"),
        _fired("EvoteServiceAbsent", service="ledger-anchor"),
        _fired("EvoteServiceUnready", service="ballot", check="kafka"),
        _fired("EvoteReplicaUnready", service="ballot", instance="a:1", check="roster"),
        _fired("EvoteReplicaDown", service="ballot", instance="a:1", job="all"),
        _fired("EvoteServiceUnready", service="biometric", check="face-workers"),
        _fired("EvoteNoSynchronousStandby", cluster="evote-pg"),
        _fired("EvoteStandbyMissing", cluster="evote-pg-biometric"),
        _fired("EvoteCertificateEnds", service="tally", what="kafka-client"),
        _fired("EvoteCertificateEndsSoon", service="tally", what="database-ca"),
        _fired("EvoteRosterEnds", entry="scraper"),
        _fired("EvoteRosterEndsSoon", entry="person"),
        _fired("EvoteWatchdog"),
    ]
    httpx.post(f"{alertmanager}/api/v2/alerts", json=[*held_back, *told], timeout=50).raise_for_status()
    wanted = {
        "page": {
            ("EvoteServiceAbsent", "auth"),
            ("EvoteServiceAbsent", "ledger-anchor"),
            ("EvoteServiceUnready", "ballot"),
            ("EvoteServiceUnready", "biometric"),
            ("EvoteNoSynchronousStandby", ""),
            ("EvoteStandbyMissing", ""),
            ("EvoteCertificateEnds", "tally"),
            ("EvoteRosterEnds", ""),
        },
        "ticket": {
            ("EvoteReplicaUnready", "ballot"),
            ("EvoteReplicaDown", "ballot"),
            ("EvoteCertificateEndsSoon", "tally"),
            ("EvoteRosterEndsSoon", ""),
        },
        "heartbeat": {("EvoteWatchdog", "")},
    }
    with suppress(TimeoutError):
        wait_until(lambda: desk.came == wanted, within_s=_WITHIN_S)
    assert desk.came == wanted
    # Alertmanager itself knows them, and by what each is held back: none of them is only late.
    known = httpx.get(f"{alertmanager}/api/v2/alerts", timeout=50).json()
    silent = [one["labels"] for one in known if one["status"]["inhibitedBy"]]
    assert sorted(silent, key=str) == sorted((one["labels"] for one in held_back), key=str)
    assert "docs/runbooks/alerts.md#evoteserviceabsent" in desk.runbooks
