"""What a session of PostgreSQL keeps is what it uses, and what its settings bound stays within."""

from __future__ import annotations

from pathlib import Path

import asyncpg
import pytest
from evote_local.nodes.postgres import PostgresServer
from evote_local.nodes.processes import Use, uses_of_children
from evote_local.referendum.watching import bounds_of_database

pytestmark = pytest.mark.stack


async def test_a_session_gives_back_what_large_statements_took(stack_directory: Path) -> None:
    server = PostgresServer(stack_directory / "frugal-postgres")
    server.start()
    try:
        session = await asyncpg.connect(server.dsn("postgres"))
        before_mb = _use(server).memory_mb
        for _ in range(3):
            await session.fetchval("SELECT length($1)", "x" * 4_000_000)
        assert _use(server).memory_mb < before_mb + 2
        await session.close()
    finally:
        server.kill()


async def test_full_buffers_and_full_pools_are_within_the_bounds_that_settings_tell(stack_directory: Path) -> None:
    server = PostgresServer(stack_directory / "full-postgres", settings={"shared_buffers": "16MB"})
    server.start()
    try:
        names = ["evote-example 01234567 3", "evote-example 89abcdef 4"]
        pools = [name for name in names for _ in range(int(name[-1]))]
        url = server.dsn("postgres")
        sessions = [await asyncpg.connect(url, server_settings={"application_name": name}) for name in pools]
        await sessions[0].execute("CREATE TABLE large (one text)")
        await sessions[0].execute("INSERT INTO large SELECT repeat('x', 1000) FROM generate_series(1, 40000)")
        bounds, use = await bounds_of_database(url), _use(server)
        assert 16 * 1024 / 1000 < use.shared_mb <= bounds.shared_mb
        assert len(sessions) + 5 <= use.processes <= bounds.processes
        await sessions[0].close()
        fewer = await bounds_of_database(url)
        assert fewer == bounds, "what a pool may open, not what it has"
        for session in sessions[1:]:
            await session.close()
    finally:
        server.kill()


def _use(server: PostgresServer) -> Use:
    pid = int((server.directory / "data" / "postmaster.pid").read_text().split()[0])
    return next(use for use in uses_of_children() if use.pid == pid)
