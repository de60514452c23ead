"""Rules, dashboards and the city's wall ask for metrics, labels, routes and problems that there are."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from ..panels import panel_queries
from .metrics import ROOT, metrics_of_code
from .slo_rules import MONITORING, RULES, SLOTH, digest, written

_METRIC = re.compile(r'\b((?:evote|http_server)_\w+)(\{(?:[^"}]|"[^"]*")*\})?')
_MATCHER = re.compile(r'(\w+)\s*(=~|!~|!=|=)\s*"([^"]*)"')
_GROUPED = re.compile(r"\b(?:by|without|on|ignoring|group_left)\s*\(([^)]*)\)")
_SUFFIX = re.compile(r"_(bucket|sum|count)$")
_OF_SCRAPING = {"instance", "job", "le", "namespace"}
_OF_THE_CHART = {"evote_replicas_floor": {"service"}}
"""What the chart's own rules record (``templates/monitoring/rules.yaml``)."""
_FOREIGN = re.compile(r"\b(?:kafka|cnpg|barman|certmanager)_\w+")
_OF_FOREIGN = {
    "kafka_server_replicamanager_underminisrpartitioncount": set[str](),
    "cnpg_evote_standbys_in_sync": {"cluster"},
    "cnpg_pg_stat_archiver_last_failed_time": {"cluster"},
    "cnpg_pg_stat_archiver_last_archived_time": {"cluster"},
    "cnpg_pg_replication_in_recovery": set[str](),
    "barman_cloud_cloudnative_pg_io_last_available_backup_timestamp": {"cluster"},
    "certmanager_certificate_expiration_timestamp_seconds": {"namespace", "name"},
}
"""What exporters of others show: `make test-cluster CNPG=1` holds PostgreSQL's and barman's to it, nothing Kafka's and
certificates', which are as their documents have them. Of ``cnpg_evote_…`` the query is the chart's
(``deploy/helm/tests/test_queries.py``)."""

OURS = {metric.name: metric for metric in metrics_of_code()}
_DOCUMENTS = [json.loads(file.read_text()) for file in sorted((ROOT / "docs/openapi").glob("*.json"))]
ROUTES = {path for document in _DOCUMENTS for path in document["paths"]}
PROBLEMS = set(re.findall(r'"([a-z]+(?:-[a-z]+)*)"', json.dumps(_DOCUMENTS)))


@dataclass(frozen=True)
class Query:
    """A query, and where it stands."""

    place: str
    text: str


def queries() -> Iterator[Query]:
    """Of all rules and panels, and of the wall."""
    for file in sorted((MONITORING / "rules").glob("*.yml")):
        for group in yaml.safe_load(file.read_text())["groups"]:
            for rule in group["rules"]:
                yield Query(f"{file.name} {group['name']} {rule.get('alert', rule.get('record'))}", rule["expr"])
    for query in panel_queries():
        yield Query(f"{query.board}.json {query.panel}", query.text)
    for name, text in json.loads((ROOT / "web/city/read/reads.json").read_text())["prometheus"].items():
        yield Query(f"the wall's {name}", text)


def faults(text: str) -> list[str]:
    """What a query asks for and nothing shows."""
    found, known = [], set(_OF_SCRAPING)
    for name, selector in _METRIC.findall(text):
        if name in _OF_THE_CHART:
            known |= _OF_THE_CHART[name]
            continue
        metric = OURS.get(name) or OURS.get(_SUFFIX.sub("", name))
        if metric is None or (metric.kind == "histogram") == (name == metric.name):
            found.append(f"there is no {name}")
            continue
        known |= set(metric.labels)
        for label, _, value in _MATCHER.findall(selector):
            if label not in {*metric.labels, *_OF_SCRAPING}:
                found.append(f"{name} has no label {label}")
            found += _unknown_values(label, value)
    for name in _FOREIGN.findall(text):
        if name not in _OF_FOREIGN:
            found.append(f"nobody says that there is {name}")
        known |= _OF_FOREIGN.get(name, set())
    labels = {label.strip() for group in _GROUPED.findall(text) for label in group.split(",") if label.strip()}
    sloth = {label for label in labels if label.startswith("sloth_")}
    return found + [f"nothing here has a label {label}" for label in sorted(labels - known - sloth)]


def _unknown_values(label: str, value: str) -> list[str]:
    if label == "type":
        return [f"there is no problem {slug}" for slug in value.split("|") if slug not in PROBLEMS]
    if label == "http_route":
        routes = {route for route in ROUTES if re.fullmatch(re.sub(r"(?=[{}])", r"\\", value), route)}
        return [] if routes else [f"there is no route {value}"]
    return []


@pytest.mark.parametrize("query", list(queries()), ids=lambda query: query.place)
def test_a_query_asks_for_what_there_is(query: Query) -> None:
    assert faults(query.text) == []


@pytest.mark.parametrize(
    "text, fault",
    [
        ("evote_ledger_leadin", "there is no evote_ledger_leadin"),
        ("rate(evote_anchor_delay_seconds[5m])", "there is no evote_anchor_delay_seconds"),
        ('evote_stopped{piece="x"}', "evote_stopped has no label piece"),
        ("sum by (witness) (evote_stopped)", "nothing here has a label witness"),
        ('evote_problems_total{type="rate-limitd"}', "there is no problem rate-limitd"),
        ('http_server_request_duration_seconds_count{http_route="/balots"}', "there is no route /balots"),
        ("kafka_server_unheard_of", "nobody says that there is kafka_server_unheard_of"),
    ],
)
def test_a_query_that_asks_for_what_there_is_not_is_found(text: str, fault: str) -> None:
    assert fault in faults(text)


def test_the_dashboards_are_what_is_written_of_them(tmp_path: Path) -> None:
    subprocess.run([sys.executable, str(MONITORING / "boards.py"), str(tmp_path)], check=True)
    made = {file.name: file.read_text() for file in tmp_path.iterdir()}
    kept = {file.name: file.read_text() for file in (MONITORING / "dashboards").iterdir()}
    assert made == kept, "make dashboards writes them"


def test_the_slos_rules_are_made_of_the_slos_as_they_are() -> None:
    heading, _, rules = RULES.read_text().partition("\n")
    assert digest(rules) in heading, "make alerts writes them"


@pytest.mark.skipif(not SLOTH.exists(), reason="`make alerts` builds Sloth; the digest holds the rules without it")
def test_the_slos_rules_are_what_sloth_makes_of_them() -> None:
    assert RULES.read_text() == written(), "make alerts writes it"


def _asked(place: str) -> set[str]:
    return {name for query in queries() if query.place.startswith(place) for name, _ in _METRIC.findall(query.text)}


@pytest.mark.parametrize("place", ["the wall's ", "voting-day.json "])
def test_every_queue_of_people_is_on_the_wall_and_on_the_dashboard_of_the_day(place: str) -> None:
    waiting = {name for name in OURS if name.endswith("_waiting")}
    assert len(waiting) >= 3
    assert waiting <= _asked(place)


def test_a_panel_on_what_others_export_shows_what_they_show(tmp_path: Path) -> None:
    """No exporter of theirs runs here: of series as the catalogue has them each query gives something."""
    asked = [query for query in panel_queries() if query.of_others]
    assert len(asked) >= 5
    series = {}
    for name, labels in _OF_FOREIGN.items():
        matchers = ",".join(f'{label}="x"' for label in sorted({*labels, "instance"}))
        series[f"{name}{{{matchers}}}"] = 7
    _holds(series, {f"count({query.text}) > bool 0": {"{}": 1} for query in asked}, tmp_path)


def test_a_panel_on_many_faces_shows_what_a_hundred_pictures_bring(tmp_path: Path) -> None:
    """As the catalogue has the series: fewer people than that come in a test."""
    asked = [query for query in panel_queries() if query.of_many_faces]
    assert len(asked) >= 2
    (read, outcomes) = (OURS[name] for name in ("evote_face_read_duration_seconds", "evote_face_outcomes_total"))
    series = {f'{read.name}_bucket{{le="{bound}"}}': "0+100" for bound in ("0.5", "+Inf")}
    labels = ",".join(f'{label}="x"' for label in outcomes.labels)
    series[f"{outcomes.name}{{{labels}}}"] = "0+10"
    _holds(series, {f"count({query.text} >= 0) > bool 0": {"{}": 1} for query in asked}, tmp_path)


def test_the_wall_counts_who_waits_at_the_door_and_by_the_way_that_they_came(tmp_path: Path) -> None:
    """Two replicas in a flood: the checks are as many as before, and everybody else waits before them."""
    asked = json.loads((ROOT / "web/city/read/reads.json").read_text())["prometheus"]
    series = {
        'evote_ballot_casts_waiting{instance="a"}': 390,
        'evote_ballot_casts_waiting{instance="b"}': 410,
        'evote_ballot_verifications_waiting{instance="a"}': 2,
        'evote_ballot_verifications_waiting{instance="b"}': 1,
        'evote_auth_releases_waiting{instance="a",way="card"}': 40,
        'evote_auth_releases_waiting{instance="b",way="card"}': 2,
        'evote_auth_releases_waiting{instance="a",way="phone"}': 7,
        'evote_auth_releases_waiting{instance="a",way="face"}': 0,
    }
    _holds(
        series,
        {
            asked["ballots-waiting"]: {"{}": 803},
            asked["releases-waiting"]: {'{way="card"}': 42, '{way="phone"}': 7, '{way="face"}': 0},
        },
        tmp_path,
    )


def test_the_adapters_rule_serves_what_the_autoscaler_asks_for(tmp_path: Path) -> None:
    """Its templates are filled as prometheus-adapter's do, for the pods of one namespace."""
    values = yaml.safe_load((ROOT / "deploy/helm/prometheus-adapter.example.yaml").read_text())
    (rule,) = values["rules"]["custom"]
    template = (ROOT / "deploy/helm/evote/templates/_service.tpl").read_text()
    (asked,) = re.findall(r"type: Pods\n\s+pods:\n\s+metric: \{name: (\w+)\}", template)
    series, selector = re.fullmatch(r"(\w+)\{(.*)\}", rule["seriesQuery"]).groups()  # type: ignore[union-attr]
    assert OURS[series].kind == "gauge"
    assert re.sub(rule["name"]["matches"], rule["name"]["as"], series) == asked == series
    # What Prometheus' operator gives each series of a PodMonitor, and no label of ours.
    assert {label for label, _, _ in _MATCHER.findall(selector)} == {"namespace", "pod"}
    assert rule["resources"]["overrides"] == {one: {"resource": one} for one in ("namespace", "pod")}
    query = rule["metricsQuery"]
    for name, filled in {"Series": series, "LabelMatchers": 'namespace="evote",pod=~"a|b"', "GroupBy": "pod"}.items():
        query = query.replace(f"<<.{name}>>", filled)
    assert faults(query.replace('namespace="evote",pod=~"a|b"', "").replace("by (pod)", "")) == []
    had = {("evote", "a"): 7, ("evote", "b"): 0, ("evote", "c"): 5, ("other", "a"): 9}
    _holds(
        {f'{series}{{namespace="{space}",pod="{pod}"}}': value for (space, pod), value in had.items()},
        {query: {'{pod="a"}': 7, '{pod="b"}': 0}},
        tmp_path,
    )


def _holds(series: Mapping[str, int | str], expected: dict[str, dict[str, int]], folder: Path) -> None:
    """Prometheus' own ``promtool``: of these series each query has these samples."""
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": f"{value}x4"} for name, value in series.items()],
        "promql_expr_test": [
            {
                "expr": query,
                "eval_time": "1m",
                "exp_samples": [{"labels": labels, "value": value} for labels, value in samples.items()],
            }
            for query, samples in expected.items()
        ],
    }
    file = folder / "queries.yml"
    file.write_text(yaml.safe_dump({"tests": [case]}))
    tried = subprocess.run(["promtool", "test", "rules", str(file)], capture_output=True, text=True, check=False)
    assert tried.returncode == 0, tried.stdout + tried.stderr
