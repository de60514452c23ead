from __future__ import annotations

import asyncio
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from evote_platform.database import Schema, open_pool
from evote_platform.program import Program
from pydantic import SecretStr

from .example_service import PROGRAM, ExampleService, ExampleSettings

SERVICE = Path(__file__).with_name("example_service.py")


def settings(**changes: object) -> ExampleSettings:
    named = {"kafka_bootstrap": "nowhere:1", "database_url": "postgresql://nowhere", "roster_file": "nowhere"}
    return ExampleSettings(**named, port=0, **changes)


async def test_endpoints_find_what_the_start_gave_and_nothing_else_at_the_apps_state() -> None:
    app = PROGRAM.app(PROGRAM.start(settings()))
    async with app.router.lifespan_context(app):
        assert isinstance(app.state.service, ExampleService)
        assert list(app.state._state) == ["service"]


def test_what_the_settings_name_and_cannot_be_used_is_said_before_anything_is_served(tmp_path: Path) -> None:
    missing = tmp_path / "key.pem"
    done = subprocess.run(
        [sys.executable, SERVICE, "serve"],
        env={
            "EVOTE_PORT": "0",
            "EVOTE_ENVIRONMENT": "test",
            "EVOTE_KAFKA_BOOTSTRAP": "nowhere:1",
            "EVOTE_DATABASE_URL": "postgresql://nowhere",
            "EVOTE_ROSTER_FILE": "nowhere",
            "EVOTE_KEY_FILE": str(missing),
        },
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr == f"evote-platform: {missing} is missing\n"


@pytest.fixture
def program(database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Program[ExampleSettings]:
    """The example with tables of its own, and its settings in the environment."""
    named = {"DATABASE_URL": database_url, "OWNER_DATABASE_URL": database_url, "ROSTER_FILE": "nowhere"}
    for name, value in {"ENVIRONMENT": "test", "PORT": "0", "KAFKA_BOOTSTRAP": "the-log:1", **named}.items():
        monkeypatch.setenv(f"EVOTE_{name}", value)
    (tmp_path / "0001-first.sql").write_text("CREATE TABLE replayed (bootstrap text);\n")
    return replace(PROGRAM, schema=Schema("example", tmp_path))


def replayed_from(database_url: str) -> list[str]:
    async def read() -> list[str]:
        async with await open_pool(SecretStr(database_url), "example") as pool:
            return [row["bootstrap"] for row in await pool.fetch("SELECT bootstrap FROM replayed")]

    return asyncio.run(read())


@pytest.mark.stack
def test_replay_hands_the_migrated_tables_to_the_service(program: Program[ExampleSettings], database_url: str) -> None:
    assert program.run(["migrate"]) == 0
    assert program.run(["replay"]) == 0
    assert replayed_from(database_url) == ["the-log:1"]


@pytest.mark.stack
def test_nothing_is_replayed_into_tables_of_an_older_release(
    program: Program[ExampleSettings], capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.run(["replay"]) == 2
    assert "lacks 0001-first: run this release's `migrate` first" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"EVOTE_KAFKA_CA_FILE": ""}, "EVOTE_KAFKA_CA_FILE"),
        ({"EVOTE_DATABASE_URL": "postgresql://db/evote"}, "EVOTE_DATABASE_URL needs sslmode=verify-full"),
        ({"EVOTE_DATABASE_URL": "postgresql://db/evote?sslmode=require"}, "EVOTE_DATABASE_URL"),
        ({"EVOTE_DATABASE_URL": "postgresql://db/evote?sslmode=verify-full&sslmode=disable"}, "EVOTE_DATABASE_URL"),
    ],
)
def test_production_refuses_what_others_can_read_on_the_wire(change: dict[str, str], told: str) -> None:
    done = serve_in_production(change)
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("proxies", "told"),
    [
        ("", "set EVOTE_TRUSTED_PROXIES"),
        ("*", "EVOTE_TRUSTED_PROXIES: Value error, name addresses"),
        ("10.0.0.1,0.0.0.0/0", "EVOTE_TRUSTED_PROXIES: Value error, these networks hold everybody"),
    ],
)
def test_production_is_told_whose_word_for_a_clients_address_is_believed(proxies: str, told: str) -> None:
    done = serve_in_production({"EVOTE_TRUSTED_PROXIES": proxies})
    assert done.returncode == 2
    assert told in done.stderr and len(done.stderr.splitlines()) == 1


def serve_in_production(change: dict[str, str]) -> subprocess.CompletedProcess[str]:
    environment = {
        "EVOTE_PORT": "0",
        "EVOTE_KAFKA_BOOTSTRAP": "kafka:1",
        "EVOTE_KAFKA_CA_FILE": "/dev/null",
        "EVOTE_DATABASE_URL": "postgresql://db/evote?sslmode=verify-full",
        "EVOTE_ROSTER_FILE": "nowhere",
        "EVOTE_TRUSTED_PROXIES": "10.0.0.0/24, 2001:db8::7",
        **change,
    }
    environment = {name: value for name, value in environment.items() if value}
    return subprocess.run([sys.executable, SERVICE, "serve"], env=environment, capture_output=True, text=True)


def test_production_migrates_over_no_plain_wire_either(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("EVOTE_OWNER_DATABASE_URL", "postgresql://db/evote?sslmode=prefer")
    monkeypatch.delenv("EVOTE_ENVIRONMENT", raising=False)
    assert PROGRAM.run(["migrate"]) == 2
    assert "EVOTE_OWNER_DATABASE_URL needs sslmode=verify-full" in capsys.readouterr().err


@pytest.mark.stack
def test_migrate_brings_the_tables_up_to_date_and_replays_nothing(
    program: Program[ExampleSettings], database_url: str
) -> None:
    assert program.run(["migrate"]) == 0
    assert replayed_from(database_url) == []
