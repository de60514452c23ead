"""The monitor's life: nothing while all is well, once when it is not, whatever else happens."""

from __future__ import annotations

import asyncio
from math import isnan
from typing import Any

import pytest
from evote_eventlog.errors import LogUnavailable
from evote_eventlog.events import (
    EventData,
)
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_eventlog.replay import replay
from evote_ledger_anchor.monitor.domain import Finding
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
        assert system.metric("evote_ledger_monitor_chain_readable", anchor_contract=CHAIN) == 1
    assert await system.findings() == []
    assert await newest_size(system.pool) > 20


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
            await _end_the_tenure(system)
            await patiently(lambda: _leads(metrics))
        finally:
            other.cancel()
            await asyncio.wait([other])


async def _end_the_tenure(system: System) -> None:
    await system.pool.execute(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'evote-ledger-monitor'"
        " AND datname = current_database()"
        " AND pid IN (SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND granted)"
    )


OF_A_LOOK = {
    "evote_ledger_tampering_standing": {"kind": "entry-dropped"},
    "evote_ledger_monitor_chain_readable": {"anchor_contract": CHAIN},
    "evote_ledger_monitor_entries": {},
    "evote_ledger_monitor_last_pass_duration_seconds": {},
    "evote_ledger_monitor_remembered_entries": {},
}


def _figures(metrics: CollectorRegistry) -> list[float]:
    """Those that are shown, and are numbers."""
    values = [metrics.get_sample_value(name, labels) for name, labels in OF_A_LOOK.items()]
    return [value for value in values if value is not None and not isnan(value)]


async def test_who_looks_no_more_shows_no_figure_and_what_was_found_stays_with_who_looks(
    system: System, events: Any
) -> None:
    """Its last pass would keep a page standing for ever, or a chain readable."""
    standby, shown_by_standby = system.monitor, system.registry
    producer = UnreliableProducer(system.producer, losses=10_000)
    system.new_monitor(producer)
    assert _figures(system.registry) == [], "nobody has looked yet"
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.pool.execute("DELETE FROM entries WHERE log_index = 0")
        await patiently(lambda: _unpublished(system))
        await system.completed_passes(1)
        assert len(_figures(system.registry)) == len(OF_A_LOOK)
        other = asyncio.create_task(standby.run())
        try:
            while not await _leads(shown_by_standby):  # the one before may take it again
                await _end_the_tenure(system)
                await asyncio.sleep(1)
            await patiently(lambda: _shows_all(shown_by_standby))
            assert shown_by_standby.get_sample_value(*_STANDING) == 1
            assert _figures(system.registry) == []
            assert system.metric("evote_ledger_tampering_detected_total", kind="entry-dropped") == 1
            await system.finding("entry-dropped")
            # What it could not write is in Kafka by now; it is told once.
            await patiently(lambda: _nothing_left(system))
        finally:
            other.cancel()
            await asyncio.wait([other])
    assert len(await system.findings()) == 1


_STANDING = "evote_ledger_tampering_standing", OF_A_LOOK["evote_ledger_tampering_standing"]


async def _shows_all(metrics: CollectorRegistry) -> bool:
    return len(_figures(metrics)) == len(OF_A_LOOK)


async def _nothing_left(system: System) -> bool:
    return not await _unpublished(system)


async def test_what_one_replica_alone_found_comes_into_kafka_also_while_another_leads(
    system: System, events: Any
) -> None:
    producer = UnreliableProducer(system.producer, losses=10_000)
    async with system.running():
        await system.cast(events, range(BALLOTS))
        await system.completed_passes(1)
        system.new_monitor(producer)
        # As by a memory that no other replica has.
        system.monitor._raise([Finding("log-rolled-back", "Kafka ledger/0", "more", "less", "Kafka ledger/0")])
        standing_by = asyncio.create_task(system.monitor.publish_what_is_left())
        try:
            await patiently(lambda: _tried(producer))
            assert await _unpublished(system)
            producer.losses = 0
            await system.finding("log-rolled-back")
            await patiently(lambda: _nothing_left(system))
        finally:
            standing_by.cancel()
            await asyncio.wait([standing_by])
    assert len(await system.findings()) == 1


async def _tried(producer: UnreliableProducer) -> bool:
    return producer.losses < 10_000


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
