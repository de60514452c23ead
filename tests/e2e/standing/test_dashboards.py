"""A real Prometheus reads a standing platform while people vote: every panel of every dashboard shows something."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.voters import open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently

from ...panels import panel_queries, shows_something

pytestmark = [pytest.mark.stack, pytest.mark.slow]

MONITORING = Path(__file__).parents[3] / "deploy/monitoring"
VOTERS, BETWEEN_ROUNDS_S = 11, 4
"""What counts people moves by tens, and a credential may cast only so often in a minute."""


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    targets = [service.url.removeprefix("http://") for service in stack.services]
    rules = sorted((MONITORING / "rules").glob("*.yml"))
    token = stack.identities.staff.scraper_token
    with Prometheus(tmp_path / "prometheus", targets=targets, token=token, rules=rules) as running:
        yield running


def test_every_panel_shows_something_and_a_healthy_platform_pages_nobody(
    stack: Stack, prometheus: Prometheus, tmp_path: Path
) -> None:
    asyncio.run(_vote(stack, prometheus, tmp_path))
    firing = {labels["alertname"] for labels, _ in prometheus.values('ALERTS{alertstate="firing",severity!="ticket"}')}
    assert firing - _objectives_of_time() == {"EvoteWatchdog"}


def _objectives_of_time() -> set[str]:
    """The alerts of what most voters have within a time. Of these few one who waits for a busy machine is too many."""
    slos = yaml.safe_load((MONITORING / "slos.yml").read_text("utf-8"))["slos"]
    return {slo["alerting"]["name"] for slo in slos if not slo["name"].endswith("-available")}


async def _vote(stack: Stack, prometheus: Prometheus, directory: Path) -> None:
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=VOTERS, seed=39)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            for voter in referendum.voters:
                await polls.obtain_credential(voter, client)

            async def vote_until_all_show() -> bool:
                for voter in referendum.voters:
                    await polls.cast(voter, "はい", [[0, 1, 0]], client)
                # A rate needs growth between two readings.
                due = time.time() + BETWEEN_ROUNDS_S
                await patiently(lambda: _read_since(prometheus, due))
                return await _all_show(prometheus)

            try:
                await patiently(vote_until_all_show)
            except TimeoutError:
                pytest.fail("\n".join(["these panels show nothing:", *_empty(prometheus)]))
        await referendum.close_and_count()


async def _read_since(prometheus: Prometheus, moment: float) -> bool:
    readings = await asyncio.to_thread(lambda: prometheus.values("min(timestamp(up))"))
    return any(when > moment for _, when in readings)


async def _all_show(prometheus: Prometheus) -> bool:
    return await asyncio.to_thread(lambda: _empty(prometheus) == [])


def _empty(prometheus: Prometheus) -> list[str]:
    """Panels that show no number, but those that are empty when all is well (tests/chaos/test_panels.py)."""
    return [
        f"{query.board}: {query.panel}: {query.text}"
        for query in panel_queries()
        if not shows_something(prometheus, query.text) and not query.quiet
    ]
