"""Each alert, sick and well: Prometheus' own ``promtool test rules`` over ``deploy/monitoring/rules``."""

from __future__ import annotations

import re
import subprocess
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).parents[2]
RULES = ROOT / "deploy/monitoring/rules"
_ALWAYS = "EvoteWatchdog"

Series = Mapping[str, str]
"""Series and their values, in promtool's notation, one every 15 seconds from 1970 on; of SLOs one a minute."""


@dataclass(frozen=True)
class Case:
    """What makes an alert fire, and what must not."""

    alert: str
    sick: Series
    well: Series
    labels: Mapping[str, str] = field(default_factory=dict)
    at: str = "12m"
    severity: str | None = None
    """Of the rules of that name the one that fires; None: all of them."""


def _of(service: str, instance: str = "a:1") -> str:
    return f'evote_build_info{{service="{service}",version="1",instance="{instance}"}}'


def _floor(service: str) -> str:
    """As the chart says it."""
    return f'evote_replicas_floor{{service="{service}"}}'


def _in(namespace: str, service: str) -> str:
    return f'evote_build_info{{service="{service}",version="1",instance="{service}",namespace="{namespace}"}}'


def _check(value: int, instance: str = "a:1") -> Series:
    return {f'evote_ready{{check="kafka",instance="{instance}"}}': f"{value}x100", _of("ballot", instance): "1x100"}


def _failures(series: str, born: int = 20) -> tuple[Series, Series]:
    """A series that only its first failure brings, as ours with labels are; and one whose failures are long ago."""
    return {series: f"_x{born} 1x600"}, {series: "3x600"}


def _once_more(alert: str, series: str, labels: Mapping[str, str], wait: int = 2) -> tuple[Case, Case]:
    """Of what happened before: once more, or by a replica that began anew an hour and a half later.

    Well: it did long ago, and Prometheus was away for a quarter of an hour.
    """
    known, away = {series: "1x300 2x700"}, {series: "3x10 _x340 1x600"}
    return (
        Case(alert, known, {series: "1x800"}, labels, f"{76 + wait}m"),
        Case(alert, away, {series: "3x280 _x60 3x600"}, labels, f"{88 + wait}m"),
    )


def _up(instance: str, job: str = "ballot") -> str:
    return f'up{{job="{job}",instance="{instance}"}}'


def _unlogged(instance: str) -> str:
    return f'evote_ballot_unlogged_seconds{{instance="{instance}"}}'


_HTTP = "http_server_request_duration_seconds"
_FIVE = dict.fromkeys(map(_of, ("auth", "ballot", "ledger-anchor", "tally")), "1x100")
_BUILT = 'evote_build_info{service="ballot",job="ballot",instance="a:1"}'
_ONE_JOB = {
    f'evote_build_info{{service="{service}",version="1",job="all",instance="{instance}"}}': values
    for service, instance, values in (
        ("auth", "a:1", "1x10 stale _x90"),
        ("ballot", "a:1", "_x11 1x90"),
        ("tally", "b:1", "1x20 stale _x80"),
    )
}
_PASS = 'evote_ledger_monitor_last_pass_timestamp_seconds{instance="%s"}'
_PENDING = 'evote_problems_total{type="close-pending",instance="%s"}'
_LEADS = 'evote_ledger_leading{instance="a:1"}'
_STANDS_BY = 'evote_ledger_leading{instance="b:1"}'
_READABLE = 'evote_ledger_monitor_chain_readable{anchor_contract="eip155:1:0x1",instance="a:1"}'
_RAISED = 'evote_ledger_tampering_detected_total{kind="log-rolled-back",instance="a:1"}'
_STANDING = 'evote_ledger_tampering_standing{kind="log-rolled-back",instance="b:1"}'
_IN_SYNC = 'cnpg_evote_standbys_in_sync{cluster="evote-pg",instance="a:1"}'
_IN_RECOVERY = 'cnpg_pg_replication_in_recovery{cluster="alone",instance="c:1"}'
_MONITOR = 'evote_ledger_monitor_leading{instance="a:1"}'


_HELD = {"service": "auth", "what": "kafka-client"}
_ISSUED = {"namespace": "vote", "name": "front"}


def _certificate(ends: int, what: str = "kafka-client") -> Series:
    """One replica has it anew already, the other holds the one before."""
    metric = "evote_certificate_end_timestamp_seconds"
    replicas = {"a:1": 9_000_000, "b:1": ends}
    held = {f'{metric}{{what="{what}",instance="{one}"}}': f"{end}x100" for one, end in replicas.items()}
    return {**held, **{_of("auth", one): "1x100" for one in replicas}}


def _of_certmanager(ends: int) -> Series:
    return {'certmanager_certificate_expiration_timestamp_seconds{namespace="vote",name="front"}': f"{ends}x100"}


def _roster(ends: int) -> Series:
    return {'evote_roster_end_timestamp_seconds{entry="scraper",instance="a:1"}': f"{ends}x100"}


def _used(used: int) -> Series:
    limit = 'evote_db_pool_connections{state="limit",instance="a:1"}'
    in_use = {'evote_db_pool_connections{state="used",instance="a:1"}': f"{used}x100"}
    return {limit: "6x100", _of("ballot"): "1x100", **in_use}


def _loop(late: int) -> Series:
    """Of 30 looks in 15 seconds, so many come later than half a second."""
    bucket = 'evote_event_loop_lag_seconds_bucket{instance="a:1",le="%s"}'
    within = {bucket % bound: f"0+{30 - late}x100" for bound in ("0.1", "0.5")}
    return {**within, bucket % "+Inf": "0+30x100", _of("ballot"): "1x100"}


def _witness(last: int, lag: int) -> Series:
    success = 'evote_witness_last_success_timestamp_seconds{witness="hokkaido"}'
    return {success: f"{last}x200", "evote_witness_lag_entries": f"{lag}x200"}


_ROUTE = 'http_route="/elections/{election_uuid}/%s",http_request_method="%s",http_response_status_code="%s"'


def _answers(route: str, method: str, faults: float, problem: str = "overloaded") -> Series:
    """Of 1,000 answers a minute so many are faults."""
    counted = _HTTP + "_count{" + _ROUTE + ',error_type="%s"}'
    return {
        counted % (route, method, "200", ""): f"0+{1000 - faults}x200",
        counted % (route, method, "503", problem): f"0+{faults}x200",
    }


def _durations(metric: str, within: str, late: float, labels: str = "") -> Series:
    """Of 1,000 a minute so many are later than ``within``."""
    head, comma = f"{metric}_bucket{{{labels}", "," if labels else ""
    return {
        f'{head}{comma}le="{within}"}}': f"0+{1000 - late}x200",
        f"{metric}_count{{{labels}}}": "0+1000x200",
    }


def _slo(alert: str, slo: str, sick: Series, well: Series, at: str = "70m", severity: str | None = None) -> Case:
    labels = {"sloth_service": "evote", "sloth_slo": slo, "sloth_id": f"evote-{slo}"}
    return Case(alert, sick, well, labels, at, severity)


def _slow(alert: str, slo: str, share: Callable[[float], Series], budget: float) -> Case:
    """One and a half times as many faults as a week may have, for longer than two hours: whoever is on duty hears of it
    in the morning, and nobody is called. At nine tenths nobody hears anything.

    Args:
        share: what is seen where so many of 1,000 are faults.
        budget: of 1,000, those that may be.
    """
    return _slo(alert, slo, share(1.5 * budget), share(0.9 * budget), "150m", "ticket")


_BOARD = _ROUTE % ("ballots", "GET", "200")

CASES = (
    Case(
        "EvoteTampering",
        {'evote_ledger_tampering_standing{kind="entry-dropped",instance="a:1"}': "1x100"},
        {'evote_ledger_tampering_standing{kind="entry-dropped",instance="a:1"}': "0x100"},
        {"kind": "entry-dropped"},
    ),
    Case(  # raised by a monitor of before; the one that looks now doesn't find it
        "EvoteTampering",
        {_RAISED: "0x200 1x600", _STANDING: "_x200 0x600"},
        {_RAISED: "1x400", _STANDING: "_x200 0x200"},
        {"kind": "log-rolled-back"},
        "70m",
    ),
    Case("EvoteTamperingUnpublished", *({"evote_ledger_tampering_unpublished": f"{n}x100"} for n in (1, 0))),
    Case(  # well: passes that are five minutes apart, as two that begin every three minutes and take two
        "EvoteMonitorBlind",
        {"evote_ledger_monitor_last_pass_timestamp_seconds": "60x100"},
        {"evote_ledger_monitor_last_pass_timestamp_seconds": "0x20 315x20 630x20 945x20"},
        at="20m",
    ),
    Case(  # well: another takes over, and its first pass takes two minutes; sick: nobody's ends
        "EvoteMonitorBlind",
        {_PASS % "a:1": "0+15x20 _x100", _PASS % "b:1": "_x20 0x100"},
        {_PASS % "a:1": "0+15x40 _x100", _PASS % "b:1": "_x40 0x8 720+15x100"},
    ),
    Case("EvoteMonitorBlind", {}, {"evote_ledger_monitor_last_pass_timestamp_seconds": "0+15x100"}),
    Case(
        "EvoteDeadLetters",
        *_failures('evote_dead_letters_total{projection="ballot"}', 200),
        {"projection": "ballot"},
        "70m",
    ),
    *_once_more("EvoteTampering", _RAISED, {"kind": "log-rolled-back"}),
    *_once_more("EvoteDeadLetters", 'evote_dead_letters_total{projection="ballot"}', {"projection": "ballot"}),
    *_once_more("EvoteBallotsPassedOver", 'evote_tally_passed_over_ballots_total{rule="proofs"}', {"rule": "proofs"}),
    *_once_more(
        "EvoteWitnessContradicts",
        'evote_witness_requests_total{witness="hokkaido",outcome="ahead"}',
        {"witness": "hokkaido", "outcome": "ahead"},
    ),
    *_once_more("EvoteReadBackFails", 'evote_read_back_duration_seconds_count{outcome="failed"}', {}),
    *_once_more("EvotePublishesFail", 'evote_kafka_publish_duration_seconds_count{outcome="failed"}', {}),
    *_once_more("EvoteCardsCannotBeChecked", 'evote_problems_total{type="revocation-unknown"}', {}),
    *_once_more(
        "EvoteRevocationResponderAway", 'evote_auth_revocation_checks_total{source="ocsp",outcome="invalid"}', {}, 6
    ),
    *_once_more("EvoteCredentialKeysAway", 'evote_problems_total{type="no-credential-key"}', {}),
    Case(  # well: Prometheus was away when the window began, and the letter had stood all along
        "EvoteDeadLetters",
        _failures('evote_dead_letters_total{projection="ballot"}', 200)[0],
        {'evote_dead_letters_total{projection="ballot"}': "3x20 _x40 3x340"},
        {"projection": "ballot"},
        "70m",
    ),
    Case(
        "EvoteReplicaStopped",
        *({'evote_stopped{part="projection",instance="a:1"}': f"{n}x100", _of("ballot"): "1x100"} for n in (1, 0)),
        {"service": "ballot", "instance": "a:1", "part": "projection"},
    ),
    Case(
        "EvoteProjectionStuck",
        *({'evote_projection_stuck{projection="ballot"}': f"{n}x100"} for n in (1, 0)),
        {"projection": "ballot"},
    ),
    Case(
        "EvoteTopicLosesEvents",
        *({'evote_topic_faults{topic="ballots"}': f"{n}x100"} for n in (1, 0)),
        {"topic": "ballots"},
    ),
    Case(
        "EvoteRecordsMissing",
        *({'evote_log_missing_records{topic="ballots"}': f"{n}x100"} for n in (1, 0)),
        {"topic": "ballots"},
    ),
    Case("EvoteCannotBeCounted", *({"evote_tally_log_disagrees": f"{n}x100"} for n in (1, 0))),
    Case(
        "EvoteBallotsPassedOver",
        *_failures('evote_tally_passed_over_ballots_total{rule="proofs"}', 200),
        {"rule": "proofs"},
        "70m",
    ),
    Case(
        "EvoteWitnessContradicts",
        *_failures('evote_witness_requests_total{witness="hokkaido",outcome="inconsistent"}', 40),
        {"witness": "hokkaido", "outcome": "inconsistent"},
        "20m",
    ),
    Case(
        "EvoteWitnessContradicts",
        _failures('evote_witness_requests_total{witness="hokkaido",outcome="forged"}')[0],
        _failures('evote_witness_requests_total{witness="hokkaido",outcome="unreachable"}')[0],
        {"witness": "hokkaido", "outcome": "forged"},
    ),
    *(
        Case(
            "EvoteServiceAbsent",
            {series: values for series, values in _FIVE.items() if f'"{service}"' not in series},
            _FIVE,
            {"service": service},
        )
        for service in ("auth", "ballot", "ledger-anchor", "tally")
    ),
    Case(  # well: a city without
        "EvoteServiceAbsent", _FIVE | {_of("biometric"): "1x20 _x100"}, _FIVE, {"service": "biometric"}
    ),
    Case(
        "EvoteServiceAbsent",
        _FIVE | {_of("biometric"): "1x20 _x100"},
        _FIVE | {_of("biometric"): "1x100"},
        {"service": "biometric"},
    ),
    *(
        Case(  # well: a city whose pages no Prometheus reads; sick: they were there, or the chart says so
            "EvoteServiceAbsent",
            _FIVE | known,
            _FIVE,
            {"service": page},
        )
        for page in ("resident", "board")
        for known in ({_of(page): "1x20 _x100"}, {_floor(page): "2x100"})
    ),
    Case(
        "EvoteServiceAbsent",
        _FIVE | {_floor("resident"): "2x100", _of("resident"): "_x100", _of("wall"): "1x20 _x100"},
        _FIVE | {_floor("resident"): "2x100", _of("resident"): "1x100", _of("wall"): "1x20 _x100"},
        {"service": "resident"},
    ),
    Case(  # well: a drain whose replica has waited nine minutes for its disk, and an upgrade with one more
        "EvoteReplicasMissing",
        {_floor("ballot"): "2x100", _of("ballot"): "1x100", _of("ballot", "b:1"): "1x30 stale _x100"},
        {
            **{_floor("ballot"): "2x100", _of("ballot"): "1x100", _of("ballot", "b:1"): "1x44 stale _x100"},
            _of("ballot", "c:1"): "1x10 stale _x90",
        },
        {"service": "ballot"},
        at="20m",
    ),
    Case(  # none was ever made; well: nobody says how many there are to be
        "EvoteReplicasMissing",
        {_floor("board"): "1x100", _of("ballot"): "1x100"},
        {_of("ballot"): "1x100"},
        {"service": "board"},
    ),
    Case(
        "EvoteTwoReleases",
        {_in("vote", "auth"): "1x100", _in("staging", "auth"): "1x100"},
        {_in("vote", "auth"): "1x100", _in("vote", "ballot"): "1x100"},
    ),
    Case(
        "EvoteServiceUnready",
        _check(0) | _check(0, "b:1"),
        _check(0) | _check(1, "b:1"),
        {"service": "ballot", "check": "kafka"},
    ),
    Case(
        "EvoteReplicaUnready",
        _check(0) | _check(1, "b:1"),
        _check(1) | _check(1, "b:1"),
        {"service": "ballot", "instance": "a:1", "check": "kafka"},
    ),
    Case(  # well: one is scaled down, another replaced; what isn't ours may be away
        "EvoteReplicaDown",
        {_up("a:1"): "1x100", _BUILT: "1x100", _up("b:1"): "0 0 0 1 " * 25},
        {_up("a:1"): "1x100", _BUILT: "1x100", _up("b:1"): "1x20 0x4 _x100", _up("c:1", "other"): "0x100"},
        {"job": "ballot", "instance": "b:1", "service": "ballot"},
        at="20m",
    ),
    Case(  # all replicas in one job, and one has an address that another service had within the hour
        "EvoteReplicaDown",
        {_up("a:1", "all"): "1x100", _up("b:1", "all"): "1x20 0x80"} | _ONE_JOB,
        {_up("a:1", "all"): "1x100", _up("b:1", "all"): "1x100"} | _ONE_JOB,
        {"job": "all", "instance": "b:1", "service": "tally"},
        at="20m",
    ),
    Case(  # there, one that never was up: nobody knows whose it is
        "EvoteReplicaDown",
        {_up("a:1", "all"): "1x100", _up("c:1", "all"): "0x100"} | _ONE_JOB,
        {_up("a:1", "all"): "1x100", _up("c:1", "all"): "1x100"} | _ONE_JOB,
        {"job": "all", "instance": "c:1"},
        at="20m",
    ),
    Case("EvoteSequencersNotOne", {}, {_LEADS: "1x100", _STANDS_BY: "0x100"}),
    Case("EvoteSequencersNotOne", {_LEADS: "1x100", _STANDS_BY: "1x100"}, {_LEADS: "0x2 1x100", _STANDS_BY: "0x100"}),
    Case(  # well: an upgrade, each replica of three led for a while, and the first again
        "EvoteSequencerFlaps",
        {_LEADS: "1 0 1 0 1 0 1 0x100"},
        {
            _LEADS: "1x10 0x20 1x100",
            _STANDS_BY: "0x10 1x10 0x100",
            'evote_ledger_leading{instance="c:1"}': "0x21 1x10 0x100",
        },
        at="8m",
    ),
    Case(  # well: a takeover every five minutes
        "EvoteSequencerFlaps",
        {_LEADS: "1x4 0x4 " * 12},
        {_LEADS: "1x9 0x9 " * 12},
        at="16m",
    ),
    Case(  # ballot is accepted at 600 a minute, and none is logged: the sequencer leads, and says nothing
        "EvoteBallotsUnlogged",
        {_LEADS: "1x100", _unlogged("a:1"): "NaN " * 100, _unlogged("b:1"): "0x20 0+15x100"},
        {_LEADS: "1x100", _unlogged("a:1"): "NaN " * 100, _unlogged("b:1"): "0x20 15 30 45 45 45 45 0x100"},
        at="7m",
    ),
    Case(  # well: a replica that starts; its tables show ballots of long ago, and not yet that they are logged
        "EvoteBallotsUnlogged",
        {_unlogged("a:1"): "0x25 60x3"},
        {_unlogged("a:1"): "_x27 NaN 4000 0x100"},
        at="7m",
    ),
    Case(  # the one that led is drained: nobody asks it any more, and nothing says yet that it is gone
        "EvoteSequencersNotOne",
        {_LEADS: "0x5 _x100", _STANDS_BY: "0x100"},
        {_LEADS: "1x5 _x100", _STANDS_BY: "0x5 1x100"},
        at="3m",
    ),
    Case(  # read every two minutes alone
        "EvoteSequencersNotOne",
        dict.fromkeys((_LEADS, _STANDS_BY), "1 _x7 1 _x7 1"),
        {_LEADS: "1 _x7 1 _x7 1", _STANDS_BY: "0 _x7 0 _x7 0"},
        at="3m45s",
    ),
    Case(  # read once a minute, one half a minute behind the other; well: a drain, whose pod is known to be gone late
        "EvoteSequencersNotOne",
        {_LEADS: "1 _ _ _ " * 50, _STANDS_BY: "_ _ 1 _ " * 50},
        {_LEADS: "1 _ _ _ " * 9 + "1 _x9 stale _x100", _STANDS_BY: "_ _ 0 _ " * 9 + "_ _ 1 _ " * 40},
        at="11m15s",
    ),
    Case("EvoteReadBackFails", *_failures('evote_read_back_duration_seconds_count{outcome="failed"}'), at="7m"),
    Case(  # well: an ordinary close, whose last answers are two seconds behind the first
        "EvoteCloseUnsettled",
        {_PENDING % "a:1": "_x20 3+3x100", _PENDING % "b:1": "0x100"},
        {_PENDING % "a:1": "_x20 40 95 95x100", _PENDING % "b:1": "0x20 70 80 80x100"},
        at="8m30s",
    ),
    Case(  # one voter is left who waits, and is told so every now and then
        "EvoteCloseUnsettled",
        {_PENDING % "a:1": "0x20 1x3 2x3 3x3 4x3 5x3 6x3 7x3 8x3"},
        {_PENDING % "a:1": "9x100"},
        at="11m",
    ),
    Case("EvotePublishesFail", *_failures('evote_kafka_publish_duration_seconds_count{outcome="failed"}'), at="7m"),
    Case("EvoteCardsCannotBeChecked", *_failures('evote_problems_total{type="revocation-unknown"}'), at="7m"),
    Case(
        "EvoteRevocationListsEnd",
        *({"evote_auth_revocation_lists_end_timestamp_seconds": f"{end}x100"} for end in (80000, 90000)),
    ),
    Case(
        "EvoteRevocationListsEnd",
        *({"evote_auth_revocation_lists_end_timestamp_seconds": f"{end}x100"} for end in (0, 90000)),
    ),
    Case(
        "EvoteRevocationResponderAway",
        *_failures('evote_auth_revocation_checks_total{source="ocsp",outcome="unreachable"}', 40),
        at="20m",
    ),
    Case("EvoteCredentialKeysAway", *_failures('evote_problems_total{type="credential-keys-unavailable"}'), at="7m"),
    Case(
        "EvoteManyRefused",
        *({'evote_problems_total{type="voting-code-unknown"}': f"0+{n}x100"} for n in (8, 7)),
        at="20m",
    ),
    Case("EvoteFlood", *({'evote_problems_total{type="rate-limited"}': f"0+{n}x100"} for n in (76, 74))),
    Case(
        "EvoteFaceWorkersAway",
        *({'evote_face_workers{instance="a:1"}': f"{n}x100", _of("biometric"): "1x100"} for n in (0, 2)),
        {"service": "biometric", "instance": "a:1"},
    ),
    Case(
        "EvoteProjectionLags",
        *({'evote_projection_lag_records{projection="ballot",topic="ballots"}': f"{n}x100"} for n in (1001, 1000)),
        {"projection": "ballot"},
    ),
    Case("EvoteDatabasePoolFull", _used(6), _used(5), {"service": "ballot", "instance": "a:1"}),
    Case("EvoteEventLoopLate", _loop(5), _loop(0), {"service": "ballot", "instance": "a:1"}),
    Case(
        "EvoteClockSkewed",
        *(
            {'evote_clock_timestamp_seconds{instance="a:1"}': f"{ahead}+15x100", _of("ballot"): "1x100"}
            for ahead in (6, 5)
        ),
        {"service": "ballot", "instance": "a:1"},
    ),
    Case("EvoteCertificateEnds", _certificate(200_000), _certificate(300_000), _HELD),
    Case("EvoteCertificateEnds", _of_certmanager(200_000), _of_certmanager(300_000), _ISSUED),
    Case("EvoteCertificateEndsSoon", _certificate(1_200_000), _certificate(1_250_000), _HELD),
    Case(
        "EvoteCertificateEndsSoon",
        _certificate(500_000, "database-ca"),
        _certificate(550_000, "database-ca"),
        {**_HELD, "what": "database-ca"},
    ),
    Case("EvoteCertificateEndsSoon", _of_certmanager(1_200_000), _of_certmanager(1_250_000), _ISSUED),
    Case("EvoteRosterEnds", _roster(80_000), _roster(90_000), {"entry": "scraper"}),
    Case("EvoteRosterEndsSoon", _roster(1_200_000), _roster(1_250_000), {"entry": "scraper"}),
    Case("EvoteWitnessAway", _witness(0, 1), _witness(0, 0), {"witness": "hokkaido"}, at="25m"),
    Case("EvoteWitnessAway", _witness(60, 7), _witness(600, 7), {"witness": "hokkaido"}, at="25m"),
    Case("EvoteAnchoringAway", *({'evote_anchor_up{chain="fabric"}': f"{n}x100"} for n in (0, 1)), {"chain": "fabric"}),
    Case(
        "EvoteAnchorsLate",
        *({'evote_anchor_lag_seconds{chain="ethereum"}': f"{n}x100"} for n in (1801, 1800)),
        {"chain": "ethereum"},
    ),
    Case(
        "EvoteChainUnread",
        {_READABLE: "0x100", _MONITOR: "1x100"},
        {_READABLE: "0x100", _MONITOR: "0x100"},  # an earlier monitor's word
        {"anchor_contract": "eip155:1:0x1"},
        at="20m",
    ),
    Case(
        "EvoteKafkaUnderMinIsr",
        *({"kafka_server_replicamanager_underminisrpartitioncount": f"{n}x100"} for n in (1, 0)),
    ),
    Case(
        "EvoteKafkaUnderMinIsr",
        *({'evote_topic_partitions_under_min_isr{topic="ballots"}': f"{n}x100"} for n in (1, 0)),
    ),
    Case(  # Strimzi's exporter is there, and doesn't say it
        "EvoteKafkaUnderMinIsr",
        *(
            {
                "kafka_server_replicamanager_underminisrpartitioncount": "0x100",
                'evote_topic_partitions_under_min_isr{topic="ballots"}': f"{n}x100",
            }
            for n in (1, 0)
        ),
    ),
    Case("EvoteNoSynchronousStandby", *({_IN_SYNC: f"{n}x100"} for n in (0, 1)), {"cluster": "evote-pg"}),
    Case(  # sick: nobody says it any more; well: another primary does, and a cluster of one instance is never asked
        "EvoteNoSynchronousStandby",
        {_IN_SYNC: "2x20 _x100", _IN_SYNC.replace("evote-pg", "other"): "2x100"},
        {_IN_SYNC: "2x20 _x100", _IN_SYNC.replace("a:1", "b:1"): "_x20 1x100", _IN_RECOVERY: "0x100"},
        {"cluster": "evote-pg"},
    ),
    Case(  # well: it is away for as long as a new image takes, and another one is primary meanwhile
        "EvoteStandbyMissing",
        {_IN_SYNC: "2x20 1x80"},
        {_IN_SYNC: "2x20 1x15 0x65", _IN_SYNC.replace("a:1", "b:1"): "0x35 2x65"},
        {"cluster": "evote-pg"},
    ),
    Case(
        "EvoteArchivingFails",
        *(
            {
                'cnpg_pg_stat_archiver_last_failed_time{cluster="evote"}': "500x100",
                'cnpg_pg_stat_archiver_last_archived_time{cluster="evote"}': f"{archived}x100",
                'cnpg_pg_replication_in_recovery{cluster="evote"}': "0x100",
            }
            for archived in (499, 500)
        ),
        {"cluster": "evote"},
    ),
    Case(
        "EvoteArchivingFails",
        *(
            {
                'cnpg_pg_stat_archiver_last_failed_time{cluster="evote"}': "500x100",
                'cnpg_pg_stat_archiver_last_archived_time{cluster="evote"}': "400x100",
                'cnpg_pg_replication_in_recovery{cluster="evote"}': f"{standby}x100",  # a primary of before
            }
            for standby in (0, 1)
        ),
        {"cluster": "evote"},
    ),
    Case(
        "EvoteBackupOld",
        *(
            {'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{cluster="evote"}': f"{made}x7300"}
            for made in (3600, 10 * 3600)
        ),
        {"cluster": "evote"},
        at="30h",
    ),
    Case(
        "EvoteBackupOld",
        *(
            {'barman_cloud_cloudnative_pg_io_last_available_backup_timestamp{cluster="evote"}': f"{made}x7300"}
            for made in (0, 10 * 3600)
        ),
        {"cluster": "evote"},
        at="30h",
    ),
    _slo("EvoteCastsFail", "casts-available", _answers("ballots", "POST", 40), _answers("ballots", "POST", 0)),
    _slo("EvoteCastsFail", "casts-available", _answers("ballots", "POST", 40), _answers("ballots", "GET", 40)),
    _slo(  # well: behind the hour, until the close is settled
        "EvoteCastsFail",
        "casts-available",
        _answers("ballots", "POST", 40, "log-unavailable"),
        _answers("ballots", "POST", 900, "close-pending"),
    ),
    *(
        _slo("EvoteReleasesFail", "releases-available", _answers(way, "POST", 100), _answers(way, "POST", 0))
        for way in ("releases", "face-releases", "phone-releases")
    ),
    *(
        _slo(alert, slo, _durations(metric, within, 300, labels), _durations(metric, within, 0, labels))
        for alert, slo, metric, within, labels in (
            ("EvoteCastsSlow", "casts-fast", "evote_ballot_intake_duration_seconds", "1.0", ""),
            ("EvoteLoggedLate", "logged", "evote_ballot_logged_delay_seconds", "5.0", ""),
            ("EvoteBoardSlow", "board-fast", _HTTP, "0.5", _BOARD),
            ("EvoteAnchoredLateFabric", "anchored-fabric", "evote_anchor_delay_seconds", "300.0", 'chain="fabric"'),
            (
                "EvoteAnchoredLateEthereum",
                "anchored-ethereum",
                "evote_anchor_delay_seconds",
                "900.0",
                'chain="ethereum"',
            ),
        )
    ),
    _slow("EvoteCastsFail", "casts-available", partial(_answers, "ballots", "POST"), 1),
    _slow("EvoteReleasesFail", "releases-available", partial(_answers, "releases", "POST"), 5),
    _slow("EvoteCastsSlow", "casts-fast", partial(_durations, "evote_ballot_intake_duration_seconds", "1.0"), 10),
    _slow("EvoteLoggedLate", "logged", partial(_durations, "evote_ballot_logged_delay_seconds", "5.0"), 1),
    _slow("EvoteBoardSlow", "board-fast", partial(_durations, _HTTP, "0.5", labels=_BOARD), 10),
    *(
        _slow(
            f"EvoteAnchoredLate{chain.title()}",
            f"anchored-{chain}",
            partial(_durations, "evote_anchor_delay_seconds", within, labels=f'chain="{chain}"'),
            10,
        )
        for chain, within in (("fabric", "300.0"), ("ethereum", "900.0"))
    ),
)


FIRES: Mapping[str, tuple[str, ...]] = {
    "EvoteTampering": ("0s", "50m15s to 1h50m15s", "1h15m15s to 2h15m15s", "1h27m45s to 2h27m45s"),
    "EvoteTamperingUnpublished": ("1m",),
    "EvoteMonitorBlind": ("7m15s", "11m15s", "1m"),
    "EvoteDeadLetters": ("50m to 1h50m", "1h15m15s to 2h15m15s", "1h27m45s to 2h27m45s", "50m to 1h50m"),
    "EvoteReplicaStopped": ("0s",),
    "EvoteProjectionStuck": ("1m",),
    "EvoteTopicLosesEvents": ("0s",),
    "EvoteRecordsMissing": ("0s",),
    "EvoteCannotBeCounted": ("1m",),
    "EvoteBallotsPassedOver": ("1h15m15s to 2h15m15s", "1h27m45s to 2h27m45s", "50m to 1h50m"),
    "EvoteWitnessContradicts": ("1h15m15s to 1h30m15s", "1h27m45s to 1h42m45s", "10m to 25m", "5m to 20m"),
    "EvoteServiceAbsent": ("1m", "1m", "1m", "1m", "11m15s", "11m15s", "11m15s", "1m", "11m15s", "1m", "1m"),
    "EvoteReplicasMissing": ("17m45s", "10m"),
    "EvoteTwoReleases": ("5m",),
    "EvoteServiceUnready": ("1m",),
    "EvoteReplicaUnready": ("5m",),
    "EvoteReplicaDown": ("5m", "15m15s", "5m"),
    "EvoteSequencersNotOne": ("45s", "45s", "45s", "45s", "4m"),
    "EvoteSequencerFlaps": ("1m45s to 10m15s", "8m45s"),
    "EvoteBallotsUnlogged": ("6m45s", "7m"),
    "EvoteReadBackFails": ("1h16m15s to 1h20m15s", "1h28m45s to 1h32m45s", "6m to 10m"),
    "EvoteCloseUnsettled": ("8m15s", "8m15s"),
    "EvotePublishesFail": ("1h16m15s to 1h20m15s", "1h28m45s to 1h32m45s", "6m to 10m"),
    "EvoteCardsCannotBeChecked": ("1h15m15s to 1h20m15s", "1h27m45s to 1h32m45s", "5m to 10m"),
    "EvoteRevocationListsEnd": ("1m", "1m"),
    "EvoteRevocationResponderAway": ("1h20m15s to 1h30m15s", "1h32m45s to 1h42m45s", "15m to 25m"),
    "EvoteCredentialKeysAway": ("1h15m15s to 1h20m15s", "1h27m45s to 1h32m45s", "5m to 10m"),
    "EvoteManyRefused": ("14m30s",),
    "EvoteFlood": ("7m",),
    "EvoteFaceWorkersAway": ("1m",),
    "EvoteProjectionLags": ("2m",),
    "EvoteDatabasePoolFull": ("2m",),
    "EvoteEventLoopLate": ("5m15s",),
    "EvoteClockSkewed": ("1m",),
    "EvoteCertificateEnds": ("5m", "5m"),
    "EvoteCertificateEndsSoon": ("5m", "5m", "5m"),
    "EvoteRosterEnds": ("5m",),
    "EvoteRosterEndsSoon": ("5m",),
    "EvoteWitnessAway": ("20m15s", "21m15s"),
    "EvoteAnchoringAway": ("10m",),
    "EvoteAnchorsLate": ("5m",),
    "EvoteChainUnread": ("15m",),
    "EvoteKafkaUnderMinIsr": ("30s", "30s", "30s"),
    "EvoteNoSynchronousStandby": ("1m", "11m15s"),
    "EvoteStandbyMissing": ("10m15s",),
    "EvoteArchivingFails": ("5m", "5m"),
    "EvoteBackupOld": ("27h30m15s", "26h30m15s"),
}
"""Of the sick worlds of each alert, in the order of its cases: from when on it fires, and not one look before; and
until when, where it ends by itself. So no duration, window or limit in a rule moves unseen. SLOs' are Sloth's own.
"""


GROUPS = [group for file in sorted(RULES.glob("*.yml")) for group in yaml.safe_load(file.read_text())["groups"]]
ALERTS = [rule for group in GROUPS for rule in group["rules"] if "alert" in rule]


def _named(alert: str) -> list[dict[str, Any]]:
    """The rules of a name: an SLO has one that pages and a ticket, and what is sick enough makes both fire."""
    return [rule for rule in ALERTS if rule["alert"] == alert]


def _expected(rule: Mapping[str, Any], labels: Mapping[str, str]) -> dict[str, Any]:
    own = {name: value for name, value in rule["labels"].items() if name == "severity" or name.startswith("sloth_")}
    return {"exp_labels": {**labels, **own}, "exp_annotations": rule["annotations"]}


def _seconds(moment: str) -> int:
    return sum(int(number) * {"h": 3600, "m": 60, "s": 1}[unit] for number, unit in re.findall(r"(\d+)([hms])", moment))


def _turns(case: Case) -> list[tuple[str, bool]]:
    """Moments close to where a sick world begins and ceases to be told, and whether it is told then."""
    if case.alert not in FIRES:
        return []
    number = [other for other in CASES if other.alert == case.alert].index(case)
    first, _, over = FIRES[case.alert][number].partition(" to ")
    turns = [(_seconds(first) - 15, False), (_seconds(first), True)]
    turns += [(_seconds(over) - 15, True), (_seconds(over), False)] if over else []
    return [(f"{moment}s", fires) for moment, fires in turns if moment >= 0]


def _world(case: Case, how: str, step: str) -> dict[str, Any]:
    """One of promtool's tests; ``how`` is ``sick`` or ``well``."""
    series: Series = getattr(case, how)
    named = [rule for rule in _named(case.alert) if case.severity in (None, rule["labels"]["severity"])]
    fires = [_expected(rule, case.labels) for rule in named]
    looks = [*_turns(case), (case.at, True)] if how == "sick" else [(case.at, False)]
    return {
        "name": f"{case.alert}, {how}",
        "interval": step,
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": [
            {"eval_time": moment, "alertname": case.alert, "exp_alerts": fires if told else []}
            for moment, told in looks
        ],
    }


def _groups_for(alert: str) -> list[dict[str, Any]]:
    """The groups that an alert needs and no others: promtool evaluates all that it is given, at every step."""
    rules = _named(alert)
    (name,) = (group["name"] for group in GROUPS if rules[0] in group["rules"])
    slo = name.removeprefix("sloth-slo-alerts-")
    return [{"name": "alone", "rules": rules}] if slo == name else [g for g in GROUPS if g["name"].endswith(slo)]


@pytest.mark.slow
def test_every_alert_fires_when_it_should_and_is_quiet_when_all_is_well(tmp_path: Path) -> None:
    files = []
    for number, case in enumerate((*CASES, Case(_ALWAYS, {}, {}, at="1m"))):
        rules, file = tmp_path / f"{number}.rules.yml", tmp_path / f"{number}.test.yml"
        groups = _groups_for(case.alert)
        rules.write_text(yaml.safe_dump({"groups": groups}))
        step = "15s" if len(groups) == 1 else "1m"
        worlds = [_world(case, how, step) for how in (("sick",) if case.alert == _ALWAYS else ("sick", "well"))]
        file.write_text(yaml.safe_dump({"rule_files": [str(rules)], "evaluation_interval": step, "tests": worlds}))
        files.append(str(file))
    run = subprocess.run(["promtool", "test", "rules", *files], capture_output=True, text=True, check=False)
    assert run.returncode == 0, run.stdout + run.stderr


@pytest.mark.slow
def test_what_is_left_of_a_weeks_budget_outlives_a_quiet_hour(tmp_path: Path) -> None:
    """Nobody casts at first, and a share of nothing is no number: the sum over a week would be none either."""
    slo = "evote-casts-available"
    labels = f'sloth_id="{slo}", sloth_service="evote", sloth_slo="casts-available"'
    left = f'slo:period_error_budget_remaining:ratio{{{labels}, sloth_window="1w"}}'
    cast = f'{_HTTP}_count{{http_route="/elections/{{election_uuid}}/ballots",http_request_method="POST"}}'
    world = {
        "interval": "1m",
        "input_series": [{"series": cast, "values": "0x60 0+10x60"}],
        "promql_expr_test": [
            {"expr": left, "eval_time": "30m"},
            {"expr": left, "eval_time": "2h", "exp_samples": [{"labels": left, "value": 1}]},
        ],
    }
    groups = [group for group in GROUPS if group["name"].endswith(slo)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": groups}))
    tests = {"rule_files": [str(tmp_path / "rules.yml")], "evaluation_interval": "1m", "tests": [world]}
    (tmp_path / "test.yml").write_text(yaml.safe_dump(tests))
    run = subprocess.run(
        ["promtool", "test", "rules", str(tmp_path / "test.yml")], capture_output=True, text=True, check=False
    )
    assert run.returncode == 0, run.stdout + run.stderr


def test_every_alert_says_from_when_on_it_fires() -> None:
    ours = Counter(
        case.alert for case in CASES if not any("sloth_severity" in rule["labels"] for rule in _named(case.alert))
    )
    assert {alert: len(moments) for alert, moments in FIRES.items()} == ours
    waits = {rule["alert"] for rule in ALERTS if "for" in rule}
    assert waits <= FIRES.keys()


def test_every_alert_has_a_case() -> None:
    assert {case.alert for case in CASES} | {_ALWAYS} == {rule["alert"] for rule in ALERTS}
    # A week's budget that is used up slowly is seen by the ticket alone.
    slow = {case.alert for case in CASES if case.severity == "ticket"}
    assert slow == {rule["alert"] for rule in ALERTS if "sloth_severity" in rule["labels"]}


@pytest.mark.parametrize("alert", ALERTS, ids=lambda rule: f"{rule['alert']}-{rule['labels']['severity']}")
def test_every_alert_says_what_is_so_and_where_to_read_on(alert: dict[str, Any]) -> None:
    assert alert["labels"]["severity"] in ("page", "ticket", "none")
    assert alert["annotations"]["summary"].endswith(".")
    document, _, section = alert["annotations"]["runbook_url"].partition("#")
    assert section == alert["alert"].lower()
    headings = re.findall(r"^#+ (.+)$", (ROOT / document).read_text(), re.MULTILINE)
    assert section in [heading.lower() for heading in headings]
