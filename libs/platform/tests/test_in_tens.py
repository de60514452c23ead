"""No scrape tells of fewer than ten people; failures are told at once."""

from __future__ import annotations

import pytest
from evote_platform.in_tens import AT_LEAST, InTens, step_of
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client.exposition import generate_latest


def shown(view: InTens, name: str) -> dict[str, float]:
    """The series of a metric, each as Prometheus reads it."""
    lines = [line for line in generate_latest(view).decode().splitlines() if line.startswith(name)]
    return {series: float(value) for series, value in (line.rsplit(" ", 1) for line in lines)}


@given(st.lists(st.integers(0, 30), max_size=40))
def test_two_scrapes_differ_by_nobody_or_by_ten_and_more(comers: list[int]) -> None:
    registry = CollectorRegistry()
    releases, view = Counter("evote_auth_releases", "…", registry=registry), InTens(registry)
    last, came = 0.0, 0
    for more in comers:
        releases.inc(more)
        came += more
        now = shown(view, "evote_auth_releases_total").get("evote_auth_releases_total", 0.0)
        assert now == last or now - last >= AT_LEAST
        assert came - AT_LEAST < now <= came, "nobody is held back for longer than until the tenth after them"
        last = now


@given(st.lists(st.floats(0, 3), min_size=1, max_size=60))
def test_a_histogram_is_shown_whole_as_it_was_at_one_moment(durations: list[float]) -> None:
    registry = CollectorRegistry()
    seconds = Histogram("evote_read_back_duration_seconds", "…", ["outcome"], buckets=(1, 2), registry=registry)
    view = InTens(registry)
    for held, duration in enumerate(durations, 1):
        seconds.labels("ok").observe(duration)
        series = shown(view, "evote_read_back_duration_seconds")
        if held < AT_LEAST:
            assert not series, "a series that began between two scrapes must not tell that it did"
        else:
            count = int(series['evote_read_back_duration_seconds_count{outcome="ok"}'])
            fast = sum(duration <= 1 for duration in durations[:count])
            assert series['evote_read_back_duration_seconds_bucket{le="1.0",outcome="ok"}'] == fast
            assert series['evote_read_back_duration_seconds_bucket{le="+Inf",outcome="ok"}'] == count


def test_failures_show_at_once_and_beside_what_is_held_back() -> None:
    registry = CollectorRegistry()
    labels = ["http_route", "http_response_status_code"]
    requests = Histogram("http_server_request_duration_seconds", "…", labels, buckets=(1,), registry=registry)
    published = Histogram("evote_kafka_publish_duration_seconds", "…", ["outcome"], buckets=(1,), registry=registry)
    problems = Counter("evote_problems", "…", ["type"], registry=registry)
    for status in ("201", "404", "500"):
        requests.labels("/releases", status).observe(0.1)
    for outcome in ("ok", "failed"):
        published.labels(outcome).observe(0.1)
    problems.labels("log-unavailable").inc()
    view = InTens(registry)
    found = set(shown(view, "http_server_request_duration_seconds_count"))
    assert {series.split('code="')[1][:3] for series in found} == {"404", "500"}
    assert list(shown(view, "evote_kafka_publish_duration_seconds_count")) == [
        'evote_kafka_publish_duration_seconds_count{outcome="failed"}'
    ]
    assert shown(view, "evote_problems_total") == {'evote_problems_total{type="log-unavailable"}': 1}


def test_a_counter_that_stands_at_0_shows_and_when_it_began_never_does() -> None:
    registry = CollectorRegistry()
    releases, view = Counter("evote_auth_releases", "…", ["way"], registry=registry), InTens(registry)
    releases.labels("face")
    assert shown(view, "evote_auth_releases_total") == {'evote_auth_releases_total{way="face"}': 0}
    releases.labels("face").inc()
    assert shown(view, "evote_auth_releases_total") == {'evote_auth_releases_total{way="face"}': 0}
    Gauge("evote_face_workers", "…", registry=registry).set(2)
    text = generate_latest(view).decode()
    assert "_created" not in text
    assert "evote_face_workers 2.0" in text


@pytest.mark.parametrize("name", ["evote_ledger_skipped", "evote_db_acquire_duration_seconds", "evote_what_comes_next"])
def test_what_moves_with_a_release_is_held_back_and_so_is_what_nobody_thought_of(name: str) -> None:
    assert step_of(name) >= AT_LEAST


@pytest.mark.parametrize("outcome", ["unreachable", "invalid"])
def test_a_responder_that_is_away_does_not_tell_whom_the_list_lets_in(outcome: str) -> None:
    """A voter's release comes within the second: what fails on the way to it is no refusal."""
    registry = CollectorRegistry()
    labels = ["source", "outcome"]
    checks, view = Counter("evote_auth_revocation_checks", "…", labels, registry=registry), InTens(registry)
    for _ in range(19):
        checks.labels("ocsp", outcome).inc()
        assert shown(view, "evote_auth_revocation_checks_total") == {}
    checks.labels("ocsp", outcome).inc()
    assert list(shown(view, "evote_auth_revocation_checks_total").values()) == [20]


def test_ten_people_are_more_than_ten_of_what_each_of_them_makes_several_of() -> None:
    registry = CollectorRegistry()
    checks, view = Counter("evote_auth_revocation_checks", "…", ["source"], registry=registry), InTens(registry)
    checks.labels("ocsp").inc(19)
    assert shown(view, "evote_auth_revocation_checks_total") == {}
    checks.labels("ocsp").inc()
    assert shown(view, "evote_auth_revocation_checks_total") == {
        'evote_auth_revocation_checks_total{source="ocsp"}': 20
    }
