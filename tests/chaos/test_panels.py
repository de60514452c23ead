"""Panels that are quiet, or at 0, when all is well: each of them is made to show something.

So none asks in vain, unseen until the day. Those on faces: ``tests/e2e/faces``; on what others export, and on many
faces: ``tests/contract/test_watched.py``.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from evote_eventlog.canonical import canonical_json
from evote_eventlog.events import Topic
from evote_local.nodes.prometheus import Prometheus
from evote_local.people.voters import cast_body, encrypt, open_client
from evote_local.referendum.devices import device_pool
from evote_local.referendum.referendum import Referendum
from evote_local.stack.stack import Stack
from evote_local.testbed import patiently
from evote_platform.clock import utc_now

from ..panels import PanelQuery, panel_queries, shows_something
from .test_faults import _post, _write_poison

pytestmark = [pytest.mark.stack, pytest.mark.slow]

RULES = sorted((Path(__file__).parents[2] / "deploy/monitoring/rules").glob("*.yml"))
YES = [[0, 1, 0]]


@dataclass
class Screen:
    """Who looks at the panels, and which have shown something by now."""

    prometheus: Prometheus
    silent: dict[str, PanelQuery] = field(
        default_factory=lambda: {query.asked: query for query in panel_queries() if query.of_trouble}
    )

    async def until_shows(self, *panels: str, by: Callable[[], Awaitable[object]]) -> None:
        """Let it happen again until all of these show something: what a first failure brings hasn't grown."""

        async def all_show() -> bool:
            await by()
            await asyncio.to_thread(self._look)
            return not {query.panel for query in self.silent.values()} & set(panels)

        await patiently(all_show)

    def _look(self) -> None:
        for text in [text for text in self.silent if shows_something(self.prometheus, text)]:
            del self.silent[text]


@pytest.fixture
def prometheus(stack: Stack, tmp_path: Path) -> Iterator[Prometheus]:
    targets = [service.url.removeprefix("http://") for service in stack.services]
    token = stack.identities.staff.scraper_token
    with Prometheus(tmp_path / "prometheus", targets=targets, token=token, rules=RULES) as running:
        yield running


def test_each_panel_of_trouble_shows_it(stack: Stack, prometheus: Prometheus, tmp_path: Path) -> None:
    screen = Screen(prometheus)
    assert len(screen.silent) >= 9
    asyncio.run(_troubles(stack, screen, tmp_path))
    assert screen.silent == {}


async def _troubles(stack: Stack, screen: Screen, directory: Path) -> None:
    stack.ledger_anchor.stop()
    stack.ledger_anchor.environment = {**stack.ledger_anchor.environment, "EVOTE_MONITOR_INTERVAL_S": "1"}
    stack.ledger_anchor.start()
    await asyncio.to_thread(stack.ledger_anchor.wait_ready)
    async with open_client() as client:
        referendum = Referendum(stack, client, directory=directory, group="Ed25519", voters=2, seed=46)
        await referendum.prepare()
        referendum.issue_cards(lambda: None)
        with device_pool() as executor:
            polls = await referendum.open_polls(executor)
            voter, other = referendum.voters
            await polls.obtain_credential(voter, client)
            await polls.cast(voter, "はい", YES, client)
            credential = await polls.obtain_credential(other, client)
            ballot = encrypt(polls.election.json, credential, YES)
            body = cast_body(polls.election, credential, ballot, 1)

            async def cast_once() -> int:
                return (await _post(stack.ballots[0], referendum.officers.election_uuid, body)).status_code

            async def cast_what_is_none() -> None:
                answer = await _post(stack.ballots[0], referendum.officers.election_uuid, "{}")
                assert answer.status_code == 422, answer.text

            await screen.until_shows("断ったもの（15 分）/ refusals by reason", by=cast_what_is_none)
            await screen.until_shows("roster: until the first entry ends", by=lambda: _an_entry_ends(stack))
            # In this thread: the kernel ties the broker's life to the thread that starts it again.
            stack.kafka.kill()
            await screen.until_shows("checks that fail", "faults of ours (5xx)", "passes not completed", by=cast_once)
            stack.kafka.start()
            for service in stack.services:
                await asyncio.to_thread(service.wait_well)

            async def has_a_receipt() -> bool:
                return await cast_once() in (200, 201)

            await patiently(has_a_receipt)  # the same bytes get it
            await _write_poison(stack, "of a test")
            await screen.until_shows("dead letters (must be 0)", "警報 / alerts firing", by=_nothing)
            async with _without(stack, "tally.ballots"):
                await polls.cast(voter, "はい", YES, client)
                await screen.until_shows("stuck (must be 0)", by=_nothing)
        await referendum.close_and_count()
        # Nobody reads behind it any more.
        await _write_of_a_later_release(stack)
        await screen.until_shows("replicas stopped (must be 0)", by=_nothing)


async def _nothing() -> None:
    """It goes on by itself."""


async def _an_entry_ends(stack: Stack) -> None:
    """Within a month, of an officer who has no part in the story."""
    roster = json.loads(stack.identities.roster_file.read_text())
    person = roster["persons"][-1]
    if person.get("valid_until") is None:
        person["valid_until"] = (utc_now() + timedelta(days=30)).isoformat()
        draft = stack.identities.roster_file.with_suffix(".new")
        draft.write_text(json.dumps(roster, ensure_ascii=False))
        draft.replace(stack.identities.roster_file)


@asynccontextmanager
async def _without(stack: Stack, table: str) -> AsyncIterator[None]:
    """The table isn't there meanwhile, so no ballot can be applied to it."""
    connection = await asyncpg.connect(stack.database_url)
    schema, name = table.split(".")
    try:
        await connection.execute(f"ALTER TABLE {table} RENAME TO away")
        yield
        await connection.execute(f"ALTER TABLE {schema}.away RENAME TO {name}")
    finally:
        await connection.close()


async def _write_of_a_later_release(stack: Stack) -> None:
    """An event of the log with one more field, which no reader of today's may pass by."""
    topic = stack.kafka_settings.topic_name(Topic.ELECTIONS)
    at = {"bootstrap_servers": stack.kafka.bootstrap_servers}
    async with AIOKafkaConsumer(topic, auto_offset_reset="earliest", **at) as consumer:
        event = json.loads((await consumer.getone()).value)
    event["data"]["of_a_later_release"] = True
    async with AIOKafkaProducer(**at) as producer:
        await producer.send_and_wait(topic, canonical_json(event), partition=0)
