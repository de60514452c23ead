"""A service that is there before its database: it waits, unready, says for what, and begins when that is there."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from evote_ballot.service import SCHEMA
from evote_eventlog.kafka import KafkaSettings
from evote_local.nodes.kafka import KafkaNode
from evote_local.nodes.postgres import PostgresServer
from evote_local.people.staff import Staff
from evote_local.stack.service import Service, define_service
from evote_local.testbed import patiently
from evote_platform.clock import utc_now
from evote_platform.database import migrate
from pydantic import SecretStr

pytestmark = [pytest.mark.stack, pytest.mark.slow]
ELECTION = "/elections/11111111111111"
STAFF = Staff()


@pytest.fixture
def server(stack_directory: Path) -> Iterator[PostgresServer]:
    """A PostgreSQL that exists, with an empty database ``evote``, and doesn't run."""
    server = PostgresServer(stack_directory / f"late-postgres-{secrets.token_hex(4)}")
    server.start()
    server.create_database("evote")
    server.stop()
    yield server
    server.kill()


@pytest.fixture
def ballot(server: PostgresServer, kafka_node: KafkaNode, kafka: KafkaSettings, tmp_path: Path) -> Iterator[Service]:
    key = tmp_path / "receipt-key.pem"
    key.write_bytes(Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    settings = {
        "EVOTE_TOPIC_PREFIX": kafka.topic_prefix,
        "EVOTE_ROSTER_FILE": str(STAFF.write_roster(tmp_path / "roster.json")),
        "EVOTE_RECEIPT_KEY_FILE": str(key),
        "EVOTE_WORKERS": "1",
    }
    ballot = define_service("ballot", "evote_ballot.main", tmp_path, kafka_node, server.dsn("evote"), settings)
    ballot.start()
    yield ballot
    ballot.kill()


@pytest.fixture
async def client(ballot: Service) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=ballot.url, timeout=60) as client:
        yield client


async def test_a_service_waits_for_a_database_that_comes_later_and_for_its_tables_and_says_so(
    server: PostgresServer, ballot: Service, client: httpx.AsyncClient
) -> None:
    async def said(reason: str) -> bool:
        ballot.require_alive()
        answer = await _asked(client, "/readyz")
        return answer is not None and reason in answer.json()["checks"].get("start", {}).get("detail", "")

    await patiently(lambda: said("the database can't be worked with: ConnectionRefusedError"))
    assert (await client.get("/metrics")).status_code == 401
    shown = (await client.get("/metrics", auth=STAFF.signing("ballot", utc_now))).text
    assert 'evote_ready{check="start"} 0.0' in shown.splitlines()
    for path in ("/readyz", "/statusz", f"{ELECTION}/ballots", f"{ELECTION}/turnout"):
        assert (await client.get(path)).status_code == 503, path
    assert (await client.post(f"{ELECTION}/ballots", content=b"{}")).json()["type"].endswith(":out-of-service")
    assert (await client.get("/livez")).status_code == 200, "nobody should start it again"
    server.start()
    await patiently(lambda: said("the schema ballot lacks 0001"))
    log = ballot.log_path.read_text()
    assert "ConnectionRefusedError" in log
    assert "start-waits" in log and "lacks 0001" in log
    await asyncio.to_thread(migrate, SecretStr(server.dsn("evote")), SCHEMA)

    async def ready() -> bool:
        ballot.require_alive()
        return (await client.get("/readyz")).status_code == 200

    await patiently(ready)
    assert "start" not in (await client.get("/readyz")).json()["checks"]
    assert (await client.get(f"{ELECTION}/ballots")).json()["type"].endswith(":unknown-election")


async def test_who_waits_for_a_database_leaves_when_told_to(ballot: Service, client: httpx.AsyncClient) -> None:
    async def waits() -> bool:
        answer = await _asked(client, "/readyz")
        return answer is not None and "start" in answer.json()["checks"]

    await patiently(waits)
    assert ballot.process is not None
    process = ballot.process
    ballot.stop()
    assert process.exit_code == 0


async def _asked(client: httpx.AsyncClient, path: str) -> Any:
    try:
        return await client.get(path)
    except httpx.TransportError:
        return None
