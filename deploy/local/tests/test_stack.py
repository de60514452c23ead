"""The embedded servers: they start, survive being killed, and leave nothing behind."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from threading import Thread

import asyncpg
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from evote_eventlog.events import Topic
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.topics import create_topics
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.ports import free_port, is_listening
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import ChildProcess, ProcessFailed
from evote_local.testbed import wait_until


def test_a_child_is_stopped_by_its_id_with_its_whole_group(tmp_path: Path) -> None:
    child = ChildProcess("sleeper", ["sh", "-c", "sleep 100 & echo $!; wait"], log_path=tmp_path / "log")
    child.wait_until(lambda: (tmp_path / "log").read_text().endswith("\n"), timeout_s=50)
    grandchild = int((tmp_path / "log").read_text())
    child.kill()
    assert child.exit_code == -signal.SIGKILL
    _wait_until_gone(grandchild)


def test_a_child_that_ignores_the_signal_is_killed_after_the_timeout(tmp_path: Path) -> None:
    script = "trap '' TERM; echo ready; while true; do sleep 0.1; done"
    child = ChildProcess("stubborn", ["sh", "-c", script], log_path=tmp_path / "log")
    child.wait_until(lambda: "ready" in (tmp_path / "log").read_text(), timeout_s=50)
    assert child.stop(timeout_s=0.3) == -signal.SIGKILL


def test_a_child_that_ends_too_early_is_reported_with_its_log(tmp_path: Path) -> None:
    child = ChildProcess("broken", ["sh", "-c", "echo no luck; exit 3"], log_path=tmp_path / "log")
    with pytest.raises(ProcessFailed) as failure:
        child.wait_until(lambda: False, timeout_s=50)
    assert "status 3" in failure.value.reason
    assert failure.value.log_tail == "no luck"


def test_no_child_outlives_a_parent_that_is_killed(tmp_path: Path) -> None:
    program = (
        "import pathlib, sys, time\n"
        "from evote_local.nodes.processes import ChildProcess\n"
        "child = ChildProcess('c', ['sleep', '100'], log_path=pathlib.Path(sys.argv[1]))\n"
        "print(child.pid, flush=True)\n"
        "time.sleep(100)\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", program, str(tmp_path / "log")], stdout=subprocess.PIPE, text=True
    ) as parent:
        assert parent.stdout is not None
        child = int(parent.stdout.readline())
        parent.kill()
    _wait_until_gone(child)


def test_a_child_outlives_the_thread_that_asked_for_it(tmp_path: Path) -> None:
    log, children = tmp_path / "log", []
    script = "while sleep 0.05; do echo alive; done"
    asking = Thread(target=lambda: children.append(ChildProcess("talker", ["sh", "-c", script], log_path=log)))
    asking.start()
    asking.join()
    said = len(log.read_text())
    children[0].wait_until(lambda: len(log.read_text()) > said + 20, timeout_s=50)
    children[0].kill()


def test_free_ports_stay_outside_the_ephemeral_range() -> None:
    port = free_port()
    assert 20_000 <= port <= 32_000
    assert not is_listening(port)


@pytest.mark.stack
async def test_kafka_keeps_what_it_acknowledged_when_it_is_killed(tmp_path: Path) -> None:
    node = KafkaNode(tmp_path)
    node.start()
    try:
        settings = KafkaSettings(node.bootstrap_servers)
        await create_topics(settings, {Topic.BALLOTS: 1})
        await create_topics(settings, {Topic.BALLOTS: 1})  # again: nothing to do
        async with AIOKafkaProducer(bootstrap_servers=node.bootstrap_servers, acks="all") as producer:
            await producer.send_and_wait(settings.topic_name(Topic.BALLOTS), b"value", partition=0)
        node.kill()
        assert node.pid is None
        node.start()
        async with AIOKafkaConsumer(
            settings.topic_name(Topic.BALLOTS),
            bootstrap_servers=node.bootstrap_servers,
            auto_offset_reset="earliest",
        ) as consumer:
            assert (await consumer.getone()).value == b"value"
    finally:
        node.stop()


@pytest.mark.stack
async def test_postgresql_keeps_what_it_committed_when_it_is_killed(stack_directory: Path) -> None:
    server = PostgresServer(stack_directory / "killed-postgres")
    server.start()
    try:
        url = server.create_database("kept")
        connection = await asyncpg.connect(url)
        await connection.execute("CREATE TABLE t AS SELECT 42 AS answer")
        server.kill()
        server.start()
        again = await asyncpg.connect(url)
        assert await again.fetchval("SELECT answer FROM t") == 42
        await again.close()
    finally:
        server.kill()


@pytest.mark.stack
async def test_each_test_has_a_database_of_its_own_with_every_services_empty_tables(database_url: str) -> None:
    connection = await asyncpg.connect(database_url)
    tables = await connection.fetch(
        "SELECT schemaname, tablename FROM pg_tables WHERE schemaname NOT IN ('pg_catalog', 'information_schema')"
        " AND tablename NOT LIKE '%yoyo%'"
    )
    assert {row["schemaname"] for row in tables} == {"auth", "ballot", "biometric", "ledger", "tally"}
    for schema, table in tables:
        assert await connection.fetchval(f'SELECT count(*) FROM {schema}."{table}"') == 0, (schema, table)
    await connection.close()


def test_a_database_name_can_not_carry_options(stack_directory: Path) -> None:
    with pytest.raises(ValueError, match="plain database name"):
        PostgresServer(stack_directory / "never-started").create_database("--evil")


def _wait_until_gone(pid: int) -> None:
    """Returns once the process has ended (a zombie counts as ended)."""

    def gone() -> bool:
        try:
            return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "Z"
        except FileNotFoundError:
            return True

    wait_until(gone)
