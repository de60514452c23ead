"""What a session of PostgreSQL keeps is what it uses."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import uses_of_children

pytestmark = pytest.mark.stack


async def test_a_session_gives_back_what_large_statements_took(stack_directory: Path) -> None:
    server = PostgresServer(stack_directory / "frugal-postgres")
    server.start()
    try:
        session = await asyncpg.connect(server.dsn("postgres"))
        before_mb = _own_mb()
        for _ in range(3):
            await session.fetchval("SELECT length($1)", "x" * 4_000_000)
        assert _own_mb() < before_mb + 2
        await session.close()
    finally:
        server.kill()


def _own_mb() -> float:
    return sum(use.memory_mb for use in uses_of_children() if use.name == "PostgreSQL")
