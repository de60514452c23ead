"""What the preflight asks the other services."""

from __future__ import annotations

import httpx
from evote_local.testbed import MovableClock
from evote_platform.clock import rfc3339
from evote_tally.probes import probe_services


async def test_the_preflight_reads_statusz_and_of_the_release_before_readyz() -> None:
    clock = MovableClock()
    answers = {"http://now/statusz": 503, "http://now/readyz": 200, "http://before/readyz": 200}

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(answers.get(str(request.url), 404), json={"time": rfc3339(clock())})

    urls = {"now": "http://now", "before": "http://before"}
    async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
        now, before = await probe_services(client, urls, clock)
    assert now.fault == "not ready (HTTP 503)", "Kafka is away, say"
    assert before.fault is None
