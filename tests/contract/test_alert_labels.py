"""Alerts bear the labels by which others go: what holds them back, the city's wall, and whoever is called.

What an alert bears is what the cases of ``test_alerts.py`` say, which ``promtool`` holds to the rules.
"""

from __future__ import annotations

import re
from collections import defaultdict
from pathlib import Path

import pytest
import yaml

from .metrics import metrics_of_code
from .test_alerts import ALERTS, CASES

ROOT = Path(__file__).parents[2]
_EXAMPLE = yaml.safe_load((ROOT / "deploy/monitoring/alertmanager.example.yml").read_text())
_EFFECTS = (ROOT / "web/city/rules/effects.ts").read_text()
_ALARMS = (ROOT / "web/city/pages/alarms.tsx").read_text()
_RUNBOOK = (ROOT / "docs/runbooks/alerts.md").read_text()

BORNE: dict[str, set[str]] = defaultdict(set)
for _case in CASES:
    BORNE[_case.alert] |= {"alertname", "severity", *_case.labels}

_NAMED_BY = {
    r"\b(?:a|of a) replica\b": {"service", "instance"},
    r"\b(?:a|of a|every replica of a) service\b": {"service"},
    r"\bcheck\b": {"check"},
    r"\b[Aa] projection\b": {"projection"},
    r"\b[Aa] topic\b": {"topic"},
    r"\b[Aa] witness\b": {"witness"},
    r"\bwait(?:ed)? .* a chain\b|\b[Aa] chain doesn't\b": {"chain"},
    r"\bwith a chain\b": {"anchor_contract"},
    r"\bA certificate\b": {"service", "what", "namespace", "name"},
    r"\bentry of the roster\b": {"entry"},
    r"\bPostgreSQL\b": {"cluster"},
}
"""Of what a summary speaks in the singular, the alert says which."""


def _alerts(matchers: list[str]) -> set[str]:
    """Those that a side of an inhibit rule names, or all of its severity."""
    named = {name for matcher in matchers for name in re.findall(r"Evote\w+", matcher)}
    severities = {word for matcher in matchers for word in re.findall(r"^severity = (\w+)$", matcher)}
    return named or {rule["alert"] for rule in ALERTS if rule["labels"]["severity"] in severities}


def _matched(matchers: list[str]) -> set[str]:
    return {re.split(r"\W", matcher)[0] for matcher in matchers}


@pytest.mark.parametrize("rule", _EXAMPLE["inhibit_rules"], ids=lambda rule: rule["target_matchers"][0])
def test_what_holds_back_and_what_is_held_back_bear_the_labels_that_join_them(rule: dict[str, list[str]]) -> None:
    sources, targets = _alerts(rule["source_matchers"]), _alerts(rule["target_matchers"])
    if "alertname" in rule.get("equal", []):
        sources = targets = sources & targets
    assert sources and targets
    equal = set(rule.get("equal", []))
    for matchers, alerts in ((rule["source_matchers"], sources), (rule["target_matchers"], targets)):
        lacking = {alert: (equal | _matched(matchers)) - BORNE[alert] for alert in alerts}
        assert not {alert: labels for alert, labels in lacking.items() if labels}


def test_what_the_wall_colours_by_a_service_names_one() -> None:
    by_service = set(re.findall(r'^  (Evote\w+): "(?:stops|slows)-service"', _EFFECTS, re.MULTILINE))
    assert len(by_service) >= 3
    assert {alert for alert in by_service if "service" not in BORNE[alert]} == set()


def test_each_label_that_the_wall_says_is_one_that_an_alert_bears() -> None:
    """And of each alert on one of several the wall says which."""
    said = set(re.findall(r'labels\["(\w+)"\]', _ALARMS)) | set(re.findall(r"\b(service|check)\b", _ALARMS))
    assert said >= {"service", "check", "chain"}
    assert said <= set.union(*BORNE.values())
    told = {alert for alert, labels in BORNE.items() if labels & said}
    assert {alert for alert, labels in BORNE.items() if labels & _OF_SEVERAL} <= told


_OF_SEVERAL = {"service", "check", "chain", "witness", "projection", "topic", "cluster", "entry"}
"""Of what there are several; not a contract's address, which is as long as the line."""


@pytest.mark.parametrize("rule", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_an_alert_says_which_of_several_its_summary_speaks_of(rule: dict[str, dict[str, str]]) -> None:
    summary = rule["annotations"]["summary"]
    wanted = {label for words, labels in _NAMED_BY.items() if re.search(words, summary) for label in labels}
    assert wanted <= BORNE[str(rule["alert"])]


def test_a_label_that_a_runbook_names_is_borne_by_its_alert() -> None:
    known = {label for metric in metrics_of_code() for label in metric.labels} | {"instance", "namespace", "cluster"}
    for section in re.split(r"^### ", _RUNBOOK, flags=re.MULTILINE)[1:]:
        alert = section.split("\n", 1)[0]
        means = section.split("Do: ", 1)[0]
        named = set(re.findall(r"`(\w+)`", means.split("Look: ", 1)[0])) & known
        assert named <= BORNE[alert] or not alert.startswith("Evote"), alert
