"""The service as processes: two replicas, killed under load, and a replay of what is left."""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import asyncpg
import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evote_eventlog.kafka import KafkaSettings
from evote_eventlog.producer import EventProducer
from evote_eventlog.record import Record
from evote_local.nodes.ports import free_port
from evote_local.people.staff import Staff
from evote_local.stack.witnesses import define_witnesses, majority_policy
from evote_local.testbed import patiently
from evote_tlog.checkpoint import SigningKey
from evote_tlog.policy import Policy, parse_policy, verify_policy

STAFF = Staff()
pytestmark = [pytest.mark.stack, pytest.mark.slow]


class Replica:
    """One process of the service."""

    def __init__(self, environment: Mapping[str, str], log: Path) -> None:
        self.port = free_port()
        self._environment = {**environment, "EVOTE_PORT": str(self.port)}
        self.log = log
        auditor = STAFF.signing("ledger-anchor")
        self.client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{self.port}", timeout=60, auth=auditor)
        self.start()

    def start(self) -> None:
        with self.log.open("ab") as output:
            command = [sys.executable, "-m", "evote_ledger_anchor.main", "serve"]
            self.process = subprocess.Popen(command, env=self._environment, stderr=output)

    async def ready(self) -> bool:
        try:
            return (await self.client.get("/readyz")).status_code == 200
        except httpx.TransportError:
            assert self.process.poll() is None, self.log.read_text()
            return False

    async def leads(self) -> bool:
        try:
            return "evote_ledger_leading 1.0" in (await self.client.get("/metrics")).text
        except httpx.TransportError:
            return False

    async def size(self) -> int:
        try:
            response = await self.client.get("/checkpoint")
        except httpx.TransportError:
            return 0
        return int(response.text.split("\n")[1]) if response.status_code == 200 else 0

    def kill(self) -> None:
        self.process.kill()
        self.process.wait()


@pytest.fixture
def environment(kafka: KafkaSettings, database_url: str, tmp_path: Path) -> dict[str, str]:
    key_file = tmp_path / "log-key.pem"
    key = Ed25519PrivateKey.from_private_bytes(bytes(range(32)))
    key_file.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return {
        "PATH": os.environ["PATH"],
        "EVOTE_ENVIRONMENT": "test",
        "EVOTE_KAFKA_BOOTSTRAP": kafka.bootstrap_servers,
        "EVOTE_TOPIC_PREFIX": kafka.topic_prefix,
        "EVOTE_DATABASE_URL": database_url,
        "EVOTE_LOG_KEY_FILE": str(key_file),
        "EVOTE_LOG_ORIGIN": "vote.city.example/log",
        "EVOTE_ROSTER_FILE": str(STAFF.write_roster(tmp_path / "roster.json")),
        "EVOTE_PORT": "0",
    }


@pytest.fixture
def replicas(environment: dict[str, str], tmp_path: Path) -> Iterator[list[Replica]]:
    started = [Replica(environment, tmp_path / f"replica-{number}.log") for number in range(2)]
    yield started
    for replica in started:
        replica.kill()


@asynccontextmanager
async def load(kafka: KafkaSettings, events: Any) -> AsyncIterator[list[Record]]:
    """Ballots at a steady pace while the block runs; every one that was acknowledged is listed."""
    producer = EventProducer(kafka, "test", lambda: datetime.now(UTC))
    await producer.start()
    acknowledged: list[Record] = []

    async def publish(number: int) -> None:
        acknowledged.append(await producer.publish(events.ballot(number)))

    over = asyncio.Event()

    async def keep_publishing() -> None:
        async with asyncio.TaskGroup() as publishing:
            for number in itertools.count():
                if over.is_set():
                    break
                publishing.create_task(publish(number))
                await asyncio.sleep(0.005)

    task = asyncio.create_task(keep_publishing())
    try:
        yield acknowledged
    finally:
        # Whatever is in Kafka is acknowledged, and listed: nobody is given up in the middle.
        over.set()
        await task
        await producer.stop()


async def dump(database_url: str) -> dict[str, list[Any]]:
    connection = await asyncpg.connect(database_url)
    try:
        tables = ("records", "entries", "tiles", "checkpoints", "consumer_offsets")
        return {table: sorted(map(tuple, await connection.fetch(f"SELECT * FROM ledger.{table}"))) for table in tables}
    finally:
        await connection.close()


async def test_killing_leaders_under_load_neither_loses_nor_doubles_an_entry(
    kafka: KafkaSettings,
    events: Any,
    whole_log: Any,
    replicas: list[Replica],
    environment: dict[str, str],
    postgres_server: Any,
) -> None:
    for replica in replicas:
        await patiently(replica.ready)
    async with load(kafka, events) as acknowledged:
        for _ in range(2):
            leader = await the_leader(replicas)
            before = await leader.size()
            await patiently(lambda leader=leader, before=before: _grown(leader, before))
            leader.kill()
            leader.start()
            [other] = [replica for replica in replicas if replica is not leader]
            await patiently(other.leads)
            size = await other.size()
            await patiently(lambda other=other, size=size: _grown(other, size))
            await patiently(leader.ready)
    for replica in replicas:
        await patiently(lambda replica=replica: _has(replica, len(acknowledged)))
        values = await whole_log(replica.client)
        assert Counter(values) >= Counter(record.value for record in acknowledged)
        assert max(Counter(values).values()) == 1
        positions = {record.value: record.position for record in acknowledged}
        for partition in range(3):
            offsets = [
                positions[value].offset
                for value in values
                if value in positions and positions[value].partition == partition
            ]
            assert offsets == sorted(offsets)
    assert len(acknowledged) > 300
    await _stop_gracefully(replicas)
    await _replay_gives_the_same(environment, postgres_server)


async def the_leader(replicas: list[Replica]) -> Replica:
    """The only one; a replica may be ready a moment before any leads."""
    leaders: list[Replica] = []

    async def one_leads() -> bool:
        leaders[:] = [replica for replica in replicas if await replica.leads()]
        return len(leaders) == 1

    await patiently(one_leads)
    return leaders[0]


async def test_the_log_grows_while_the_witnesses_are_away_and_they_catch_up(
    kafka: KafkaSettings, events: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    key = SigningKey("vote.city.example/log", Ed25519PrivateKey.from_private_bytes(bytes(range(32)))).verifier
    witnesses = define_witnesses(tmp_path / "witnesses", 3, key)
    policy_file = tmp_path / "policy"
    policy_file.write_text(majority_policy(witnesses, key))
    policy = parse_policy(policy_file.read_bytes())
    settings = {"EVOTE_WITNESS_POLICY_FILE": str(policy_file), "EVOTE_WITNESS_INTERVAL_S": "0.1"}
    replicas = [Replica({**environment, **settings}, tmp_path / f"witnessed-{number}.log") for number in range(2)]
    try:
        for replica in replicas:
            await patiently(replica.ready)
        async with load(kafka, events) as acknowledged:
            await patiently(lambda: _grown(replicas[0], 0))  # nobody has cosigned: no witness was started
            assert await _witnessed(replicas[0], policy) == 0
            for witness in witnesses[:2]:
                witness.start()
            await patiently(lambda: _is_witnessed(replicas[0], policy, 20))
            replicas[0].kill()  # the leader, or not: the other takes over either way
            witnesses[0].kill()
            witnesses[0].start()
            replicas[0].start()
            size = await replicas[1].size()
            await patiently(lambda: _is_witnessed(replicas[1], policy, size + 20))
        for replica in replicas:
            await patiently(replica.ready)
            await patiently(lambda replica=replica: _is_witnessed(replica, policy, len(acknowledged)))
        await _stop_gracefully(replicas)
    finally:
        for process in (*replicas, *witnesses):
            process.kill()


async def _witnessed(replica: Replica, policy: Policy) -> int:
    """The size for which the policy holds, as anyone can check who has the policy."""
    shown = await replica.client.get("/checkpoint/witnessed")
    return verify_policy(shown.text, policy).size if shown.status_code == 200 else 0


async def _is_witnessed(replica: Replica, policy: Policy, size: int) -> bool:
    return await _witnessed(replica, policy) >= size


async def _grown(replica: Replica, size: int) -> bool:
    return await replica.size() > size + 20


async def _has(replica: Replica, size: int) -> bool:
    return await replica.size() >= size


async def _stop_gracefully(replicas: list[Replica]) -> None:
    for replica in replicas:
        replica.process.send_signal(signal.SIGTERM)
    statuses = [await asyncio.to_thread(replica.process.wait, 100) for replica in replicas]
    assert statuses == [0, 0]


async def _replay_gives_the_same(environment: dict[str, str], postgres_server: Any) -> None:
    async with AsyncExitStack() as stack:
        name = f"replay_{os.getpid()}_{id(environment)}"
        other_url = postgres_server.create_database(name, template="migrated")
        stack.callback(postgres_server.drop_database, name)
        done = await asyncio.to_thread(
            subprocess.run,
            [sys.executable, "-m", "evote_ledger_anchor.main", "replay"],
            env={**environment, "EVOTE_DATABASE_URL": other_url},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        live, replayed = await dump(environment["EVOTE_DATABASE_URL"]), await dump(other_url)
        for table in ("entries", "tiles", "checkpoints", "records"):
            assert replayed[table] == live[table], table
        ends = {(row[1], row[2]): row[3] for row in replayed["consumer_offsets"]}
        assert all(ends[row[1], row[2]] >= row[3] for row in live["consumer_offsets"])


async def test_tampering_is_on_the_public_page_and_in_the_metrics_of_the_service(
    kafka: KafkaSettings, events: Any, environment: dict[str, str], tmp_path: Path
) -> None:
    settings = {"EVOTE_MONITOR_INTERVAL_S": "0.2", "EVOTE_MONITOR_STATE_FILE": str(tmp_path / "monitor.json")}
    replica = Replica({**environment, **settings}, tmp_path / "replica.log")
    try:
        await patiently(replica.ready)
        async with load(kafka, events) as acknowledged:
            await patiently(lambda: _has(replica, 20))
        await patiently(lambda: _has(replica, len(acknowledged)))
        assert (await replica.client.get("/notices")).json() == {"items": []}
        connection = await asyncpg.connect(environment["EVOTE_DATABASE_URL"])
        await connection.execute("DELETE FROM ledger.entries WHERE log_index = 3")
        await connection.close()
        await patiently(lambda: _notices(replica))
        [notice] = (await replica.client.get("/notices")).json()["items"]
        assert (notice["kind"], notice["where"]) == ("entry-dropped", "PostgreSQL ledger.entries, log index 3")
        metrics = (await replica.client.get("/metrics")).text
        assert 'evote_ledger_tampering_detected_total{kind="entry-dropped"} 1.0' in metrics
        line = next(line for line in _log_lines(replica) if "tampering-detected" in line)
        assert json.loads(line)["level"] == "error"
    finally:
        replica.kill()


async def _notices(replica: Replica) -> bool:
    return bool((await replica.client.get("/notices")).json()["items"])


def _log_lines(replica: Replica) -> list[str]:
    return replica.log.read_text().splitlines()


def test_a_key_that_is_none_is_named(environment: dict[str, str], tmp_path: Path) -> None:
    bad = tmp_path / "bad.pem"
    bad.write_text("not a key")
    done = subprocess.run(
        [sys.executable, "-m", "evote_ledger_anchor.main", "replay"],
        env={**environment, "EVOTE_LOG_KEY_FILE": str(bad)},
        capture_output=True,
        text=True,
    )
    assert done.returncode != 0
    assert "bad.pem" in done.stderr
