"""What an operator is told whose command comes while the database is away: one line, and status 1."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from evote_local.nodes.ports import LOOPBACK, free_port
from evote_local.nodes.postgres import PostgresServer
from evote_local.testbed import scratch

pytestmark = pytest.mark.stack

MODULES = ("evote_auth", "evote_biometric", "evote_ballot", "evote_ledger_anchor", "evote_tally")


@pytest.fixture(scope="module")
def server() -> Iterator[PostgresServer]:
    with tempfile.TemporaryDirectory(dir=scratch(), ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o755)
        server = PostgresServer(Path(folder) / "postgres")
        server.start()
        server.create_database("evote")
        yield server
        server.kill()


@pytest.fixture
def stopped(server: PostgresServer) -> Iterator[str]:
    """The address of a database that was there a moment ago."""
    server.stop()
    yield server.dsn("evote")
    server.start()


def _run(module: str, command: str, **settings: str) -> subprocess.CompletedProcess[str]:
    named = {f"EVOTE_{name}": value for name, value in {"ENVIRONMENT": "test", **settings}.items()}
    return subprocess.run(
        [sys.executable, "-m", f"{module}.main", command],
        env={"PATH": os.environ["PATH"], **named},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("module", MODULES)
def test_who_migrates_while_the_database_is_away_is_told_so_in_one_line(module: str, stopped: str) -> None:
    done = _run(module, "migrate", OWNER_DATABASE_URL=stopped)
    assert done.returncode == 1
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"{module.replace('_', '-')}: the database can't be worked with, repeat this: ")
    assert "Connection refused" in line and stopped not in line


def test_who_replays_while_the_database_or_the_log_is_away_is_told_so_in_one_line(
    server: PostgresServer, tmp_path: Path
) -> None:
    url = server.dsn("evote")
    settings = {
        "DATABASE_URL": url,
        "KAFKA_BOOTSTRAP": f"{LOOPBACK}:{free_port()}",
        "PORT": "0",
        "ROSTER_FILE": str(tmp_path / "roster.json"),
    }
    behind = _run("evote_tally", "replay", **settings)
    assert behind.returncode == 2
    assert "run this release's `migrate` first" in behind.stderr
    assert _run("evote_tally", "migrate", OWNER_DATABASE_URL=url).returncode == 0
    without_log = _run("evote_tally", "replay", **settings)
    assert without_log.returncode == 1
    assert without_log.stderr.splitlines()[-1].startswith("evote-tally: the event log is not available: ")
    server.stop()
    without_database = _run("evote_tally", "replay", **settings)
    server.start()
    assert without_database.returncode == 1
    (line,) = without_database.stderr.splitlines()
    assert line.startswith("evote-tally: the database can't be worked with, repeat this: ")
