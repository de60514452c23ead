"""The monitor's life: nothing while all is well, once when it is not, whatever else happens."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import (
    EventData,
)
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.replay import replay
from evote_ledger_anchor.monitor.memory import UnusableMonitorState
from evote_ledger_anchor.projection import LedgerProjection
from evote_ledger_anchor.store import newest_size
from evote_local.testbed import patiently
from prometheus_client import CollectorRegistry

from .fake_chain import CHAIN
from .running_monitor import BALLOTS, System

pytestmark = [pytest.mark.stack, pytest.mark.slow]


async def test_a_busy_system_has_no_finding(system: System, events: Any) -> None:
    async def cast() -> None:
        for number in range(100_000):
            await system.producer.publish(events.ballot(number))
            await system.producer.publish(events.ballot(number // 2))
            await system.producer.publish(events.authenticated(number))
            await system.producer.publish(events.credentials(number))

    async with system.running():
        casting = asyncio.create_task(cast())
        try:
            for _ in range(5):
                size = await newest_size(system.pool)
                await patiently(lambda size=size: system.has(size + 1))  # type: ignore[misc]
                await system.anchor_newest()
                await system.completed_passes(3)
            await replay(system.kafka, system.pool, LedgerProjection(system.key.verifier), lambda done, total: None)
            await system.completed_passes(3)
        finally:
            casting.cancel()
            await asyncio.wait([casting])
        # The monitor reads Kafka, the tables follow: what was cast last has to come to both.
        await patiently(lambda: _shown_whole(system))
        await system.completed_passes(2)
    assert await system.findings() == []
    assert await newest_size(system.pool) > 20
    assert system.metric("evote_ledger_monitor_chain_readable", anchor_contract=CHAIN) == 1


async def _shown_whole(system: System) -> bool:
    return system.metric("evote_ledger_monitor_entries") == await newest_size(system.pool)


async def test_a_finding_is_raised_once_also_over_restarts(system: System, events: Any) -> None:
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        await system.finding("entry-dropped")
        await system.completed_passes(2)
    system.new_monitor()
    async with system.running():
        await system.completed_passes(2)
        assert system.metric("evote_ledger_tampering_standing", kind="entry-dropped") == 1
    assert len(await system.findings()) == 1
    assert system.metric("evote_ledger_tampering_detected_total", kind="entry-dropped") == 0


class UnreliableProducer:
    """Loses the first publishes."""

    def __init__(self, producer: EventProducer, losses: int) -> None:
        self._producer = producer
        self.losses = losses

    async def publish(self, event: EventData) -> Record:
        if self.losses:
            self.losses -= 1
            raise LogUnavailable("lost")
        return await self._producer.publish(event)


async def test_a_finding_that_kafka_did_not_take_is_shown_at_once_and_published_later(
    system: System, events: Any
) -> None:
    producer = UnreliableProducer(system.producer, losses=10_000)
    system.new_monitor(producer)
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        await patiently(lambda: _unpublished(system))
        assert system.metric("evote_ledger_tampering_detected_total", kind="entry-dropped") == 1
        assert await system.findings() == []
        producer.losses = 0
        await system.finding("entry-dropped")
        await system.completed_passes(2)
    assert len(await system.findings()) == 1
    assert not await _unpublished(system)


async def _unpublished(system: System) -> bool:
    return system.metric("evote_ledger_tampering_unpublished") > 0


async def test_one_replica_monitors_and_another_takes_over(system: System, events: Any) -> None:
    first, metrics = system.monitor, system.registry
    system.new_monitor()
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
        other = asyncio.create_task(first.run())
        try:
            await system.completed_passes(3)
            assert not metrics.get_sample_value("evote_ledger_monitor_leading")
            await system.pool.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evote-ledger-monitor'"
                " AND datname = current_database()"
                " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
            )
            await patiently(lambda: _leads(metrics))
        finally:
            other.cancel()
            await asyncio.wait([other])


async def _leads(metrics: CollectorRegistry) -> bool:
    return metrics.get_sample_value("evote_ledger_monitor_leading") == 1


async def test_rows_that_break_the_looking_do_not_end_the_service(system: System, events: Any) -> None:
    async with system.running() as tasks:
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
        await system.pool.execute("INSERT INTO consumer_offsets VALUES ('ledger', 'no such topic', 0, 5)")
        await system.pool.execute("INSERT INTO records VALUES ('no such topic', 0, 0, '')")
        await system.pool.execute("INSERT INTO entries VALUES (-5, 'none', -1, -1, '')")
        await system.pool.execute("INSERT INTO tiles VALUES (-1, -1, '\\x00')")
        await system.pool.execute("INSERT INTO checkpoints VALUES (-1, '', '')")
        await system.completed_passes(2)
        assert not any(task.done() for task in tasks.values())
    places = {finding.where for finding in await system.findings()}
    assert places == {
        "PostgreSQL ledger.entries, log index -5",
        "PostgreSQL ledger.tiles, tile/-1/-01 hash 0",
        "PostgreSQL ledger.checkpoints, size -1",
    }


async def test_a_memory_that_was_changed_is_refused(system: System, events: Any) -> None:
    assert system.state_file is not None
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(2)
    state = system.state_file.read_text()
    system.state_file.write_text(state.replace(f"\\n{BALLOTS}\\n", f"\\n{BALLOTS - 1}\\n"))
    with pytest.raises(UnusableMonitorState):
        system.new_monitor()
    system.state_file.write_text("{")
    with pytest.raises(UnusableMonitorState):
        system.new_monitor()


async def test_what_is_remembered_is_said_at_the_start_and_that_nothing_is(
    system: System, events: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert system.state_file is not None
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(2)
    assert "monitor-without-memory" in capsys.readouterr().out, "it was the first start"
    system.new_monitor()
    async with system.running():
        await system.completed_passes(1)
    said = capsys.readouterr().out
    assert "monitor-remembers" in said and f"size={BALLOTS}" in said
    assert system.metric("evote_ledger_monitor_intact_pass_timestamp_seconds") > 0
    # Elsewhere, and not taken away: the last save of the monitor before may still be under way.
    system.state_file = system.state_file.with_name("gone.json")
    system.new_monitor()
    async with system.running():
        await system.completed_passes(1)
    said = capsys.readouterr().out
    assert "monitor-without-memory" in said and "gone.json" in said
    system.state_file = None
    system.new_monitor()
    async with system.running():
        await system.completed_passes(1)
    said = capsys.readouterr().out
    assert "monitor-without-memory" in said and "EVOTE_MONITOR_STATE_FILE is not set" in said
