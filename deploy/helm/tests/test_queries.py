"""What CloudNativePG's exporter asks for the chart, of a real PostgreSQL whose standby comes, stands and goes."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest
import yaml
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import ChildProcess
from evote_local.testbed import eventually

ROOT = Path(__file__).parents[3]
QUERIES = yaml.safe_load((ROOT / "deploy/helm/evote/files/queries.yaml").read_text("utf-8"))


@pytest.fixture
def primary(stack_directory: Path) -> Iterator[PostgresServer]:
    """As the operator sets it: a commit waits for one of these, whoever lives."""
    server = PostgresServer(
        stack_directory / "primary", settings={"synchronous_standby_names": 'ANY 1 ("evote-pg-2","evote-pg-3")'}
    )
    server.start()
    yield server
    server.kill()


def standby(server: PostgresServer, name: str, folder: Path) -> ChildProcess:
    """What takes the log as a standby does, and says when it has it on disk."""
    folder.mkdir()
    program = shutil.which("pg_receivewal") or str(max(Path("/usr/lib/postgresql").glob("*/bin/pg_receivewal")))
    url = f"{server.dsn('postgres')}?application_name={name}"
    return ChildProcess(
        name, [program, "--synchronous", "--no-loop", "-D", str(folder), "-d", url], log_path=folder / "log"
    )


async def test_the_exporter_says_how_many_standbys_are_in_sync_and_not_how_many_are_asked_for(
    primary: PostgresServer, tmp_path: Path
) -> None:
    (query,) = QUERIES.values()
    connection = await asyncpg.connect(primary.dsn("postgres"))

    async def in_sync() -> int:
        return int((await connection.fetchrow(query["query"]))["in_sync"])

    async def one() -> bool:
        return await in_sync() == 1

    async def none() -> bool:
        return await in_sync() == 0

    assert await none()
    stranger = standby(primary, "stranger", tmp_path / "stranger")  # an asynchronous one: no commit waits for it
    own = standby(primary, "evote-pg-2", tmp_path / "own")
    await eventually(one)
    own.kill()
    await eventually(none)
    assert await connection.fetchval("SELECT count(*) FROM pg_stat_replication") == 1
    assert "ANY 1" in await connection.fetchval("SHOW synchronous_standby_names")
    await connection.close()
    stranger.kill()


def test_the_alert_asks_for_what_the_query_is_shown_as() -> None:
    """CloudNativePG names it ``cnpg_``, the query and the column."""
    ((name, query),) = QUERIES.items()
    ((column, shown),) = [one for metric in query["metrics"] for one in metric.items()]
    assert (query["primary"], shown["usage"]) == (True, "GAUGE")
    assert f"AS {column} " in query["query"]
    rules = (ROOT / "deploy/monitoring/rules/alerts.yml").read_text("utf-8")
    assert f"(cnpg_{name}_{column})" in rules
