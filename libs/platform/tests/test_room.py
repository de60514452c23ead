"""A replica says at its start that machine or database are too small for it, and not in the middle of the vote."""

from __future__ import annotations

import asyncio
import resource
from pathlib import Path

import pytest
from evote_platform.database import Schema, ServerTooSmall, migrate, open_pool, schema_pool
from evote_platform.room import descriptors_needed, require_room
from evote_platform.settings import CannotStart
from pydantic import SecretStr
from structlog.testing import capture_logs

from .test_program import settings

UNLIMITED = resource.RLIM_INFINITY


class Limits:
    """The process's limits, as a machine would have set them."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, **limits: tuple[int, int]) -> None:
        self.values = {getattr(resource, f"RLIMIT_{name}"): pair for name, pair in limits.items()}
        monkeypatch.setattr(resource, "getrlimit", lambda which: self.values.get(which, (UNLIMITED, UNLIMITED)))
        monkeypatch.setattr(resource, "setrlimit", self.values.__setitem__)


def test_too_few_descriptors_are_said_before_anything_is_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    Limits(monkeypatch, NOFILE=(1024, 1024))
    with pytest.raises(CannotStart, match="LimitNOFILE") as refused:
        require_room(settings(), tmp_path)
    assert str(descriptors_needed(settings())) in refused.value.reason


def test_a_soft_limit_of_descriptors_is_raised_as_far_as_needed(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    limits = Limits(monkeypatch, NOFILE=(1024, 524_288))
    require_room(settings(), tmp_path)
    assert limits.values[resource.RLIMIT_NOFILE] == (descriptors_needed(settings()), 524_288)


@pytest.mark.parametrize(("pids_max", "fits"), [("max", True), ("1000", True), ("20", False)])
def test_too_few_threads_of_a_container_are_said(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, pids_max: str, fits: bool
) -> None:
    Limits(monkeypatch)
    for name, text in {"proc/self/cgroup": "0::/box\n", "sys/fs/cgroup/box/pids.max": f"{pids_max}\n"}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    if fits:
        require_room(settings(), tmp_path)
    else:
        with pytest.raises(CannotStart, match=r"pids\.max"):
            require_room(settings(), tmp_path)


def test_too_few_processes_of_the_user_are_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    Limits(monkeypatch, NPROC=(50, 50))
    with pytest.raises(CannotStart, match="nproc"):
        require_room(settings(), tmp_path)


@pytest.fixture
async def schema(database_url: str, tmp_path: Path) -> Schema:
    schema = Schema("example", tmp_path)
    await asyncio.to_thread(migrate, SecretStr(database_url), schema)
    return schema


@pytest.mark.stack
async def test_a_replica_that_a_server_never_has_room_for_does_not_start(database_url: str, schema: Schema) -> None:
    with pytest.raises(ServerTooSmall) as small:
        async with schema_pool(SecretStr(database_url), schema, max_size=150, sessions=100):
            pass
    assert (small.value.needed, small.value.taken) == (250, 197)  # of the tests' server, three less for superusers
    assert "EVOTE_DATABASE_POOL_SIZE" in str(small.value)


@pytest.mark.stack
async def test_replicas_that_a_server_has_no_room_for_together_are_an_alarm(database_url: str, schema: Schema) -> None:
    url = SecretStr(database_url)
    async with await open_pool(url, "other", max_size=120):
        with capture_logs() as said:
            async with schema_pool(url, schema, max_size=100):
                pass
        (alarm,) = [line for line in said if line["event"] == "database-connections-short"]
        assert alarm["log_level"] == "error" and alarm["replicas_may_open"] >= 220
        assert "max_connections" in alarm["remedy"]
