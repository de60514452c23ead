"""Brokers' folders, of a real Kafka: at rest only, byte for byte."""

from __future__ import annotations

import hashlib
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from evote_backup.sources import brokers_at_rest
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.processes import ProcessFailed

from .conftest import Operator

pytestmark = [pytest.mark.stack, pytest.mark.slow]

TOPIC = "ballots"


@pytest.fixture(scope="module")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[KafkaNode]:
    node = KafkaNode(tmp_path_factory.mktemp("broker"))
    node.start()
    yield node
    node.kill()


@pytest.fixture
def running(broker: KafkaNode) -> KafkaNode:
    broker.start()
    return broker


def data(broker: KafkaNode) -> Path:
    return broker.directory / "data"


def contents(folder: Path) -> dict[str, str]:
    files = (path for path in folder.rglob("*") if path.is_file() and path.name != ".lock")
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_a_running_broker_is_refused(operator: Operator, running: KafkaNode) -> None:
    said = operator.make("--kafka", data(running))
    assert (said.status, "a broker runs on this folder" in said.err) == (1, True), said.err
    assert list(operator.sets.iterdir()) == []


async def test_a_stopped_broker_comes_back_byte_for_byte_with_every_record_at_its_offset(
    operator: Operator, running: KafkaNode
) -> None:
    admin = AIOKafkaAdminClient(bootstrap_servers=running.bootstrap_servers)
    await admin.start()
    await admin.create_topics([NewTopic(TOPIC, 1, 1)])
    await admin.close()
    producer = AIOKafkaProducer(bootstrap_servers=running.bootstrap_servers)
    await producer.start()
    written = [(await producer.send_and_wait(TOPIC, b"ballot %d" % n)).offset for n in range(20)]
    await producer.stop()
    running.stop()
    made = operator.made("--kafka", data(running))
    before = contents(data(running))
    assert "stopped in order" in operator.check(made).out
    shutil.rmtree(data(running))
    said = operator.restore(made, "--into", operator.directory / "back")
    assert said.status == 0, said.err
    assert "refuses a log that is shorter" in said.out
    restored = operator.directory / "back/kafka-1"
    assert contents(restored) == before
    restored.rename(data(running))
    running.start()
    consumer = AIOKafkaConsumer(TOPIC, bootstrap_servers=running.bootstrap_servers, auto_offset_reset="earliest")
    await consumer.start()
    read = [await consumer.getone() for _ in written]
    await consumer.stop()
    assert [(record.offset, record.value) for record in read] == [(n, b"ballot %d" % n) for n in written]


def test_a_killed_brokers_folder_is_taken_and_said_to_be_one(operator: Operator, running: KafkaNode) -> None:
    running.kill()
    assert "as a power failure leaves it" in operator.check(operator.made("--kafka", data(running))).out


def test_a_broker_can_not_run_while_it_is_copied(operator: Operator, running: KafkaNode) -> None:
    running.stop()
    with brokers_at_rest([data(running)]):
        # It listens before it looks at its folder, so that start() may return.
        with suppress(ProcessFailed):
            running.start()
        deadline = time.monotonic() + 60
        while running.pid is not None and time.monotonic() < deadline:
            time.sleep(0.1)
        assert running.pid is None
    assert "Failed to acquire lock on file .lock" in running.log_path.read_text()
    running.start()


def test_a_folder_of_something_else_or_of_another_cluster_is_refused(operator: Operator, running: KafkaNode) -> None:
    running.stop()
    assert "there is no meta.properties" in operator.make("--kafka", operator.keys).err
    other = operator.directory / "other"
    other.mkdir()
    (other / "meta.properties").write_text("version=1\ncluster.id=another\nnode.id=2\n")
    assert "of several clusters" in operator.make("--kafka", data(running), "--kafka", other).err
    (other / "meta.properties").write_text("version=1\n")
    assert "names no cluster.id" in operator.make("--kafka", other).err
    assert list(operator.sets.iterdir()) == []
