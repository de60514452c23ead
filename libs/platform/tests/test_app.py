from __future__ import annotations

import asyncio
import re
import time
from collections.abc import AsyncIterator

import httpx
import pytest
from evote_platform.health import Check, NotReady, Readiness
from evote_platform.observer import HttpMetrics, RequestObserver
from evote_platform.problems import COMMON
from fastapi import FastAPI, Response
from prometheus_client import CollectorRegistry
from starlette.types import Receive, Scope, Send

from .conftest import SCRAPER

LIMIT = 1000  # of the app in conftest


async def chunks(count: int, size: int) -> AsyncIterator[bytes]:
    for _ in range(count):
        yield b"x" * size


async def test_a_body_up_to_the_limit_is_taken(client: httpx.AsyncClient) -> None:
    assert (await client.post("/raw", content=b"x" * LIMIT)).json() == {"bytes": LIMIT}
    assert (await client.post("/raw", content=chunks(10, 100))).json() == {"bytes": LIMIT}


@pytest.mark.parametrize("path", ["/raw", "/things"])
async def test_a_declared_body_beyond_the_limit_is_refused(client: httpx.AsyncClient, path: str) -> None:
    response = await client.post(path, content=b"x" * (LIMIT + 1))
    assert response.status_code == 413
    assert response.json()["type"].endswith(":body-too-large")
    assert response.json()["limit_bytes"] == LIMIT
    assert response.headers["connection"] == "close"


async def test_a_chunked_body_is_refused_where_it_passes_the_limit(client: httpx.AsyncClient) -> None:
    sent = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal sent
        while True:
            sent += 100
            yield b"x" * 100

    for path in ("/raw", "/things"):
        sent = 0
        headers = {"content-type": "application/json"}
        response = await client.post(path, content=endless(), headers=headers)
        assert response.status_code == 413
        assert response.json()["type"].endswith(":body-too-large")
        assert response.json()["limit_bytes"] == LIMIT
        assert response.headers["connection"] == "close"
        assert sent <= LIMIT + 200


async def test_an_absurd_content_length_is_refused(client: httpx.AsyncClient) -> None:
    response = await client.post("/raw", content=b"x", headers={"content-length": "9" * 5000})
    assert response.status_code == 413


async def test_statusz_names_the_check_that_fails_and_tells_the_time(
    client: httpx.AsyncClient, readiness: Readiness
) -> None:
    async def good() -> None: ...

    async def says_no() -> bool:
        return False

    async def explains() -> None:
        raise NotReady("roll not loaded")

    async def breaks() -> None:
        raise RuntimeError("postgresql://user:password@host")

    readiness.register("good", good)
    response = await client.get("/statusz")
    assert response.status_code == 200
    assert response.json() == {
        "ready": True,
        "time": "2026-11-24T01:02:03.456Z",
        "checks": {"good": {"ok": True, "detail": "ok"}},
    }
    for name, check in (("no", says_no), ("explained", explains), ("broken", breaks)):
        readiness.register(name, check)
    response = await client.get("/statusz")
    assert response.status_code == 503
    report = response.json()
    assert not report["ready"]
    assert {name: check["detail"] for name, check in report["checks"].items()} == {
        "good": "ok",
        "no": "not ready",
        "explained": "roll not loaded",
        "broken": "RuntimeError",
    }


async def test_checks_run_at_the_same_time_and_a_stuck_one_fails(
    client: httpx.AsyncClient, readiness: Readiness, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("evote_platform.health.CHECK_TIMEOUT_S", 0.05)
    started: list[str] = []
    everyone = asyncio.Event()

    async def meets(name: str) -> None:
        started.append(name)
        if len(started) == 2:
            everyone.set()
        await everyone.wait()

    async def stuck() -> None:
        await asyncio.Event().wait()

    readiness.register("a", lambda: meets("a"))
    readiness.register("b", lambda: meets("b"))
    readiness.register("stuck", stuck)
    checks = (await client.get("/statusz")).json()["checks"]
    assert {name: check["ok"] for name, check in checks.items()} == {"a": True, "b": True, "stuck": False}


async def test_readyz_is_about_this_replica_and_statusz_about_what_it_works_with_too(
    client: httpx.AsyncClient, readiness: Readiness
) -> None:
    """An outage of Kafka must not take every replica from the voters at once."""
    well = {"kafka": False, "verification": True}

    def check(part: str) -> Check:
        async def answer() -> bool:
            return well[part]

        return answer

    readiness.watch("kafka", check("kafka"))
    readiness.register("verification", check("verification"))
    assert (await client.get("/readyz")).status_code == 503, "its tables may show half of the log"
    well["kafka"] = True
    assert (await client.get("/readyz")).status_code == 200
    well["kafka"] = False
    ready, status = await client.get("/readyz"), await client.get("/statusz")
    assert (ready.status_code, list(ready.json()["checks"])) == (200, ["verification"])
    assert (status.status_code, status.json()["checks"]["kafka"]["ok"]) == (503, False)
    well.update(kafka=True, verification=False)
    assert (await client.get("/readyz")).status_code == 503
    with pytest.raises(ValueError, match="already"):
        readiness.watch("verification", check("kafka"))


async def test_a_service_that_failed_or_drains_is_not_ready(client: httpx.AsyncClient, readiness: Readiness) -> None:
    readiness.leave()
    assert (await client.get("/readyz")).json()["checks"] == {"draining": {"ok": False, "detail": "shutting down"}}
    readiness.fail("projection", "LogTruncated")
    response = await client.get("/readyz")
    assert response.status_code == 503
    assert response.json()["checks"]["projection"] == {"ok": False, "detail": "LogTruncated"}
    assert (await client.get("/livez")).status_code == 200


BOARD = f"/status/{'a' * 43}"


async def test_clients_are_not_answered_before_the_service_was_ready_once(
    client: httpx.AsyncClient, readiness: Readiness
) -> None:
    """Its tables may show half of the log: "not open yet" would be wrong, and 403 is for ever."""
    caught_up = False

    async def projection() -> bool:
        return caught_up

    readiness.register("projection", projection)
    refused = await client.get(BOARD)
    assert refused.status_code == 503
    assert refused.json()["type"].endswith(":out-of-service")
    assert int(refused.headers["retry-after"]) > 0
    caught_up = True
    assert (await client.get(BOARD)).status_code == 200
    caught_up = False  # an outage afterwards is for each endpoint to tell
    assert (await client.get(BOARD)).status_code == 200


async def test_a_service_that_stopped_answers_no_client_and_says_why_to_operators(
    client: httpx.AsyncClient, readiness: Readiness
) -> None:
    assert (await client.get("/limited")).status_code == 200
    assert "evote_stopped{" not in (await client.get("/metrics", headers=SCRAPER)).text
    readiness.stop("projection", "ballots/0 offset 3 holds what is newer than this release")
    assert (await client.get("/limited")).status_code == 503
    not_ready = await client.get("/readyz")
    assert not_ready.status_code == 503
    assert not_ready.json()["checks"]["projection"]["detail"].startswith("ballots/0 offset 3")
    assert 'evote_stopped{part="projection"} 1.0' in (await client.get("/metrics", headers=SCRAPER)).text
    assert (await client.get("/livez")).status_code == 200


async def test_metrics_know_routes_by_template_and_count_problems(client: httpx.AsyncClient) -> None:
    tracker = "a" * 43
    for _ in range(10):
        await client.get(f"/status/{tracker}")
    await client.get("/refused")
    await client.get("/elsewhere/voter-17")
    await client.request("SECRETVERB", "/refused")
    text = (await client.get("/metrics", headers=SCRAPER)).text
    assert tracker not in text
    assert "voter-17" not in text
    assert "SECRETVERB" not in text
    assert 'http_response_status_code="200",http_route="/status/{tracker:path}"' in text
    assert 'evote_problems_total{type="election-closed"} 1.0' in text
    assert 'evote_problems_total{type="not-found"} 1.0' in text


async def test_metrics_tell_the_release_each_check_and_the_loop_anew(
    client: httpx.AsyncClient, readiness: Readiness
) -> None:
    works = True

    async def check() -> bool:
        return works

    readiness.watch("kafka", check)
    text = (await client.get("/metrics", headers=SCRAPER)).text
    assert 'evote_build_info{service="example",version="1.2.3"} 1.0' in text
    assert 'evote_ready{check="kafka"} 1.0' in text
    (told,) = (line for line in text.splitlines() if line.startswith("evote_clock_timestamp_seconds "))
    assert float(told.split()[1]) <= time.time()
    assert "evote_event_loop_lag_seconds_bucket" in text
    works = False
    assert 'evote_ready{check="kafka"} 0.0' in (await client.get("/metrics", headers=SCRAPER)).text


@pytest.mark.parametrize("kind, counted", [("application/json", 1), ("text/event-stream; charset=utf-8", None)])
async def test_a_stream_that_ends_with_its_client_is_no_request_that_took_long(kind: str, counted: int | None) -> None:
    async def answers(scope: Scope, receive: Receive, send: Send) -> None:
        await Response("{}", media_type=kind)(scope, receive, send)

    registry = CollectorRegistry()
    app = RequestObserver(answers, metrics=HttpMetrics(registry), new_request_id=lambda: "1")
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app=app), base_url="http://service.example") as client:
        await client.get("/events")
    labels = {
        "http_request_method": "GET",
        "http_route": "(none)",
        "http_response_status_code": "200",
        "error_type": "",
    }
    assert registry.get_sample_value("http_server_request_duration_seconds_count", labels) == counted


async def test_an_answer_that_breaks_off_is_not_passed_off_as_whole(
    client: httpx.AsyncClient, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(10):
        response = await client.get("/broken-stream")
        assert response.status_code == 500 or response.content == b"first"
    assert "secret" not in "".join(capsys.readouterr())
    text = (await client.get("/metrics", headers=SCRAPER)).text
    assert 'http_route="/broken-stream"' in text


async def test_every_answer_has_a_request_id_and_safe_headers(client: httpx.AsyncClient) -> None:
    for path in ("/livez", "/refused", "/nowhere", "/broken"):
        response = await client.get(path)
        assert re.fullmatch("[0-9a-f]{16}", response.headers["x-request-id"])
        assert response.headers["x-content-type-options"] == "nosniff"
        assert response.headers["cache-control"] == "no-store"
    spoilt = await client.get("/livez", headers={"X-Request-Id": b"a b\xff"})
    assert re.fullmatch("[0-9a-f]{16}", spoilt.headers["x-request-id"])


async def test_an_id_that_a_client_sends_is_neither_returned_nor_logged(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    sent = {"X-Request-Id": "1d" * 8, "traceparent": f"00-{'1d' * 16}-{'1d' * 8}-01"}
    for path in ("/refused", "/broken", "/nowhere"):
        response = await client.get(path, headers=sent)
        assert "1d1d1d1d" not in response.text + str(response.headers)
    logged = caplog.text + "".join(capsys.readouterr())
    assert response.headers["x-request-id"] in logged
    assert "1d1d1d1d" not in logged


async def test_a_requests_log_line_names_its_election_and_no_other_text_in_its_place(
    client: httpx.AsyncClient, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    for named in ("4yP2vbZnkbxpPG", "a-voters-reference", "4yP2vbZnkbxpPG" * 10):
        await client.get(f"/elections/{named}/things")
    logged = caplog.text + "".join(capsys.readouterr())
    assert re.findall(r"election\W+(\w+)", logged) == ["4yP2vbZnkbxpPG"]
    assert "a-voters-reference" not in logged


async def test_an_address_that_asks_too_often_waits_and_another_does_not(app: FastAPI) -> None:
    async def ask(address: str) -> httpx.Response:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.get("/limited")

    answers = [await ask("192.0.2.1") for _ in range(3)]  # two a minute
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[-1].json()["type"].endswith(":rate-limited")
    assert 1 <= int(answers[-1].headers["retry-after"]) <= 30
    assert (await ask("192.0.2.2")).status_code == 200


async def test_whoever_has_an_ipv6_network_has_one_share_of_the_limit(app: FastAPI) -> None:
    async def ask(address: str) -> int:
        transport = httpx.ASGITransport(app=app, client=(address, 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return (await client.get("/limited")).status_code

    answers = [await ask(f"2001:db8:0:7::{number}") for number in range(1, 4)]  # two a minute
    assert answers == [200, 200, 429]
    assert await ask("2001:db8:0:8::1") == 200


async def test_openapi_states_the_problem_document(client: httpx.AsyncClient) -> None:
    document = (await client.get("/openapi.json")).json()
    assert document["info"]["version"] == "1.2.3"
    default = document["paths"]["/things"]["post"]["responses"]["default"]
    assert list(default["content"]) == ["application/problem+json"]
    assert default["content"]["application/problem+json"]["schema"]["$ref"] == "#/components/schemas/ProblemDocument"
    described = document["components"]["schemas"]["ProblemDocument"]
    assert {kind["slug"] for kind in described["x-kinds"]} >= {kind.slug for kind in COMMON}
