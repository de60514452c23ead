"""Asks the other services for their state and their time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

import httpx
from evote_platform.clock import Clock
from evote_platform.tracing import asking

from .domain.preflight import ServiceReport

TIMEOUT_S = 3.0


async def probe_services(
    client: httpx.AsyncClient, service_urls: Mapping[str, str], clock: Clock
) -> list[ServiceReport]:
    """Ask every service's ``/statusz`` at once."""
    return list(await asyncio.gather(*(_probe(client, name, url, clock) for name, url in service_urls.items())))


async def _probe(client: httpx.AsyncClient, name: str, url: str, clock: Clock) -> ServiceReport:
    with asking("GET /statusz", {"http.request.method": "GET", "server.address": name}) as asked:
        report = await _ask(client, name, url, clock)
        if report.fault is not None:
            asked.set_attribute("error.type", "not well")
        return report


async def _ask(client: httpx.AsyncClient, name: str, url: str, clock: Clock) -> ServiceReport:
    asked_at = clock()
    try:
        response = await client.get(f"{url}/statusz", timeout=TIMEOUT_S)
        if response.status_code == HTTPStatus.NOT_FOUND:
            # A service of the release before: its /readyz says the same.
            response = await client.get(f"{url}/readyz", timeout=TIMEOUT_S)
        answered_at = clock()
        body = response.json()
        service_time = datetime.fromisoformat(body["time"])
        if service_time.tzinfo is None:
            raise ValueError("its time has no time zone")
    except httpx.HTTPError as error:
        return ServiceReport(name, f"unreachable: {type(error).__name__}", None, asked_at, clock())
    except (ValueError, KeyError, TypeError) as error:
        fault = f"its /statusz is not understood: {error!r}"
        return ServiceReport(name, fault, None, asked_at, clock())
    fault_of_status = None if response.is_success else f"not ready (HTTP {response.status_code})"
    return ServiceReport(name, fault_of_status, service_time, asked_at, answered_at)
